import type { Service, WireError } from './call.ts'
import { escapeXml } from './xml.ts'

/** A refusal on the wire, as each protocol writes it and the SDKs read it. */
export type Refusal = { readonly headers: Record<string, string>; readonly body: string }

const fault = (status: number) => (status >= 500 ? 'Receiver' : 'Sender')

function element(name: string, value: unknown): string {
  if (value === undefined || value === null) return ''
  if (Array.isArray(value)) return `<${name}>${value.map(item => element('member', item)).join('')}</${name}>`
  return `<${name}>${escapeXml(String(value))}</${name}>`
}

const fieldsOf = (error: WireError) =>
  Object.entries(error.fields)
    .map(([name, value]) => element(name, value))
    .join('')

/** Writes a refusal for a protocol. */
export function encodeRefusal(
  service: Pick<Service, 'name' | 'protocol'>,
  error: WireError,
  requestId: string,
  xmlNamespace: string,
): Refusal {
  const code = element('Code', error.code)
  const message = element('Message', error.message)
  if (service.name === 's3') {
    const body = `<?xml version="1.0" encoding="UTF-8"?>\n<Error>${code}${message}${fieldsOf(error)}<RequestId>${requestId}</RequestId></Error>`
    return { headers: { 'content-type': 'application/xml' }, body }
  }
  if (service.protocol === 'query' || service.protocol === 'rest-xml') {
    const body = `<ErrorResponse xmlns="${xmlNamespace}"><Error><Type>${fault(error.status)}</Type>${code}${message}${fieldsOf(error)}</Error><RequestId>${requestId}</RequestId></ErrorResponse>`
    return { headers: { 'content-type': 'text/xml' }, body }
  }
  return {
    headers: {
      'content-type': 'application/json',
      'x-amzn-errortype': error.code,
      // CloudWatch came from the query protocol; its clients look for the old code here.
      ...(service.name === 'monitoring' && { 'x-amzn-query-error': `${error.code};${fault(error.status)}` }),
    },
    body: JSON.stringify({
      __type: error.code,
      message: error.message,
      Message: error.message,
      ...error.fields,
    }),
  }
}
