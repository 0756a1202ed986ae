import type { IncomingMessage } from 'node:http'

/** Why a request is refused before anything of it is read: the status and a sentence. */
export type Foreign = { readonly status: 403 | 421; readonly code: string; readonly sentence: string }

/** Names by which this machine calls itself; the twin hands out the first. */
const LOOPBACK = new Set(['127.0.0.1', 'localhost', '[::1]'])

/**
 * What is foreign about a request to a listener on loopback; undefined for one that was meant for it. A web page can
 * have its own name resolve to 127.0.0.1, and the browser then takes the twin for that page's server: its Host names
 * the page. What a page sends elsewhere carries an Origin; no client of AWS's sends one.
 */
export function findForeign(request: IncomingMessage): Foreign | undefined {
  const hosts = request.rawHeaders.filter(
    (_, index, all) => index % 2 === 1 && isNamed(all[index - 1], 'host'),
  )
  const [host = ''] = hosts
  if (hosts.length !== 1 || !isOwn(host, request.socket.localPort))
    return {
      status: 421,
      code: 'MisdirectedRequest',
      sentence: `the twin answers on loopback only, and this request is for ${JSON.stringify(hosts.join(', '))}`,
    }
  // A request line may carry a whole URL, which then counts in place of Host.
  if (!request.url?.startsWith('/'))
    return {
      status: 421,
      code: 'MisdirectedRequest',
      sentence: 'the twin is no proxy: the request line must begin with a path',
    }
  if (request.headers.origin !== undefined)
    return { status: 403, code: 'AccessDenied', sentence: 'the twin answers no web page' }
  return undefined
}

const isNamed = (header: string | undefined, name: string) => header?.toLowerCase() === name

function isOwn(host: string, port: number | undefined): boolean {
  const [, name = '', given = '80'] = /^(\[[^\]]*\]|[^:]*)(?::(\d{1,5}))?$/.exec(host.toLowerCase()) ?? []
  return LOOPBACK.has(name) && Number(given) === port
}
