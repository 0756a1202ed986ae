import http, { type ClientRequest, type IncomingMessage, type RequestOptions } from 'node:http'
import https from 'node:https'
import { syncBuiltinESMExports } from 'node:module'

/** Where CloudFormation has a custom resource answer: an address of S3's. */
export const ANSWER_HOST = 'cloudformation-custom-resource-response.s3.amazonaws.com'

type Request = (
  options: RequestOptions | string | URL,
  ...rest: (RequestOptions | ((response: IncomingMessage) => void) | undefined)[]
) => ClientRequest

/**
 * Leads that one address to the twin that waits on loopback, at the port that the path begins with: CDK's own
 * providers answer over HTTPS and nothing else. Everything else goes where it is sent.
 */
export function leadAnswersToTwin(): void {
  const direct = https.request as Request
  const led: Request = (options, ...rest) => {
    const target = typeof options === 'string' ? new URL(options) : options
    const hostname = target instanceof URL ? target.hostname : (target.hostname ?? target.host)
    if (hostname !== ANSWER_HOST) return direct(options, ...rest)
    const path = target instanceof URL ? target.pathname : String(target.path)
    const [, port, ...more] = path.split('/')
    const { method, headers } = { ...(target instanceof URL ? {} : target), ...optionsIn(rest) }
    return http.request(
      { hostname: '127.0.0.1', port: Number(port), path: `/${more.join('/')}`, method, headers },
      rest.find(argument => typeof argument === 'function'),
    )
  }
  https.request = led as typeof https.request
  syncBuiltinESMExports()
}

function optionsIn(rest: readonly unknown[]): RequestOptions {
  return (rest.find(argument => typeof argument === 'object' && argument !== null) ?? {}) as RequestOptions
}
