import { timingSafeEqual } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { findForeign } from '../wire/own-host.ts'

/** One thing that the person at the keyboard may ask of a running twin. `say` reports progress while it works. */
export type Verb = (
  // biome-ignore lint/suspicious/noExplicitAny: each verb checks what it was given
  input: any,
  say: (text: string) => void,
) => unknown | Promise<unknown>

/** One line of an answer: progress, then the result or what went wrong. */
export type Line = { readonly say: string } | { readonly done: unknown } | { readonly error: string }

/** The twin's control endpoint; AWS has nothing like it. */
export type ControlServer = { readonly url: string; close(): Promise<void> }

/**
 * Starts the control endpoint on loopback: `POST /<verb>` with a JSON body, answered by JSON lines. Only who knows
 * `secret`, the root key's, is answered.
 */
export async function startControl(
  verbs: Readonly<Record<string, Verb>>,
  secret: string,
): Promise<ControlServer> {
  const server = createServer((request, response) => {
    void serve(verbs, secret, request, response)
  })
  server.requestTimeout = 0
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', resolve)
  })
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise(resolve => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

async function serve(
  verbs: Readonly<Record<string, Verb>>,
  secret: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const write = (line: Line) => {
    if (!response.destroyed) response.write(`${JSON.stringify(line)}\n`)
  }
  const refuse = (status: number, error: string) => {
    response.statusCode = status
    write({ error })
    response.end()
  }
  const foreign = findForeign(request)
  if (foreign) return refuse(foreign.status, foreign.sentence)
  if (!isAllowed(request, secret)) return refuse(403, 'the control endpoint answers the root key only')
  const name = String(request.url).slice(1)
  const verb = Object.hasOwn(verbs, name) ? verbs[name] : undefined
  if (request.method !== 'POST' || !verb)
    return refuse(404, `the twin has no verb ${request.url}, it has ${Object.keys(verbs).sort().join(', ')}`)
  try {
    const body = await readBody(request)
    response.statusCode = 200
    response.setHeader('content-type', 'application/x-ndjson')
    response.flushHeaders()
    write({ done: (await verb(JSON.parse(body || '{}'), text => write({ say: text }))) ?? null })
  } catch (error) {
    write({ error: error instanceof Error ? error.message : String(error) })
  }
  response.end()
}

function isAllowed(request: IncomingMessage, secret: string): boolean {
  const given = Buffer.from(String(request.headers.authorization ?? '').replace(/^Bearer /, ''))
  const wanted = Buffer.from(secret)
  return given.length === wanted.length && timingSafeEqual(given, wanted)
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString('utf8')
}
