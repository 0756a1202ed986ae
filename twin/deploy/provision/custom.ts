import { randomUUID } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { ANSWER_HOST } from '../../lambda/cloudformation-answer.ts'
import type { Lambda } from '../../lambda/lambda.ts'
import { stackId } from '../intrinsics.ts'
import { type Desired, type Physical, type Provisioner, Replacement, type Stored } from '../provisioner.ts'

type Reply = {
  readonly Status: 'SUCCESS' | 'FAILED'
  readonly Reason?: string
  readonly PhysicalResourceId?: string
  readonly Data?: Readonly<Record<string, unknown>>
}

const TIMEOUT_MS = 900_000

/** Resources that a function of the assembly makes: it is called as CloudFormation calls it, and answers on loopback. */
export function customProvisioner(lambda: Lambda): Provisioner {
  const ask = async (
    desired: Pick<Desired, 'type' | 'logicalId' | 'region' | 'account' | 'properties'> & {
      stack: { name: string }
    },
    request: Readonly<Record<string, unknown>>,
  ): Promise<Reply> => {
    const token = String(desired.properties.ServiceToken)
    const target = lambda.functions.resolve(desired.region, desired.account, token)
    const inbox = await openInbox()
    try {
      lambda.invokeLater(
        target,
        JSON.stringify({
          ...request,
          ResponseURL: inbox.url,
          StackId: stackId({ stack: desired.stack.name, region: desired.region, account: desired.account }),
          RequestId: randomUUID(),
          ResourceType: desired.type,
          LogicalResourceId: desired.logicalId,
          ResourceProperties: desired.properties,
        }),
      )
      const reply = await inbox.reply
      if (reply.Status !== 'SUCCESS')
        throw new Error(reply.Reason ?? `${desired.logicalId} failed and gave no reason`)
      return reply
    } finally {
      inbox.close()
    }
  }
  const physical = (reply: Reply, otherwise: string): Physical => ({
    ref: reply.PhysicalResourceId ?? otherwise,
    attributes: reply.Data ?? {},
  })
  return {
    kind: 'real',
    create: async desired => physical(await ask(desired, { RequestType: 'Create' }), desired.generatedName),
    update: async (desired, before: Stored) => {
      const reply = await ask(desired, {
        RequestType: 'Update',
        PhysicalResourceId: before.ref,
        OldResourceProperties: before.properties,
      })
      const after = physical(reply, String(before.ref))
      if (after.ref !== before.ref)
        throw new Replacement(desired, 'PhysicalResourceId', before.ref, after.ref)
      return after
    },
  }
}

async function openInbox(): Promise<{ url: string; reply: Promise<Reply>; close: () => void }> {
  const { promise, resolve, reject } = Promise.withResolvers<Reply>()
  const path = `/${randomUUID()}`
  const server = createServer((request, response) => {
    let body = ''
    request.setEncoding('utf8')
    request.on('data', (chunk: string) => {
      body += chunk
    })
    request.on('end', () => {
      response.end()
      if (request.url !== path) return
      try {
        resolve(JSON.parse(body) as Reply)
      } catch (cause) {
        reject(new Error(`the function answered what is not JSON: ${body.slice(0, 200)}`, { cause }))
      }
    })
  })
  await new Promise<void>(listening => server.listen(0, '127.0.0.1', listening))
  const timer = setTimeout(() => reject(new Error('the function did not answer in 15 minutes')), TIMEOUT_MS)
  return {
    url: `https://${ANSWER_HOST}/${(server.address() as AddressInfo).port}${path}`,
    reply: promise,
    close: () => {
      clearTimeout(timer)
      server.close()
      server.closeAllConnections()
    },
  }
}
