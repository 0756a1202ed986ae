import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

/** What is deployed, by region and stack name; `undefined` stands for a template that is not JSON. */
export type Deployed = Readonly<Record<string, Readonly<Record<string, object | string>>>>

/** CloudFormation on loopback, as far as reading templates goes, in its real wire protocol. */
export async function serveCloudFormation(deployed: Deployed) {
  const asked: string[] = []
  const server = createServer((request, response) => {
    let body = ''
    request.setEncoding('utf8')
    request.on('data', chunk => {
      body += chunk
    })
    request.on('end', () => {
      const form = new URLSearchParams(body)
      const region = /Credential=[^/]+\/\d+\/([^/]+)\//.exec(request.headers.authorization ?? '')?.[1] ?? '?'
      const action = form.get('Action') ?? ''
      asked.push(`${region} ${action} ${form.get('StackName') ?? ''}`.trim())
      response.setHeader('content-type', 'text/xml')
      response.end(answer(action, form, deployed[region] ?? {}))
    })
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    close: () => new Promise(resolve => server.close(resolve)),
  }
}

function answer(
  action: string,
  form: URLSearchParams,
  stacks: Readonly<Record<string, object | string>>,
): string {
  const wrap = (inner: string) =>
    `<${action}Response xmlns="http://cloudformation.amazonaws.com/doc/2010-05-15/"><${action}Result>${inner}</${action}Result><ResponseMetadata><RequestId>1</RequestId></ResponseMetadata></${action}Response>`
  if (action === 'ListStacks') {
    const summary = (name: string, status: string) =>
      `<member><StackName>${name}</StackName><StackStatus>${status}</StackStatus><CreationTime>2026-11-20T00:00:00Z</CreationTime></member>`
    const living = Object.keys(stacks).map(name => summary(name, 'UPDATE_COMPLETE'))
    return wrap(
      `<StackSummaries>${[summary('shop-gone', 'DELETE_COMPLETE'), ...living].join('')}</StackSummaries>`,
    )
  }
  const template = stacks[form.get('StackName') ?? '']
  const text = typeof template === 'string' ? template : JSON.stringify(template)
  return wrap(
    `<TemplateBody>${text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')}</TemplateBody><StagesAvailable><member>Original</member></StagesAvailable>`,
  )
}
