import { request } from 'node:http'
import { createInterface } from 'node:readline'
import type { Line } from './server.ts'

/** Where a control endpoint is and how to be let in. */
export type ControlAddress = { readonly url: string; readonly secret: string }

/**
 * Asks a twin to do something and waits for its answer. Throws the twin's own sentence when it refuses, and one of
 * ours when it cannot be reached or goes away.
 */
export function callControl<T>(
  address: ControlAddress,
  verb: string,
  input: unknown = {},
  say: (text: string) => void = () => {},
): Promise<T> {
  return new Promise((resolve, reject) => {
    const asked = request(
      `${address.url}/${verb}`,
      { method: 'POST', headers: { authorization: `Bearer ${address.secret}` } },
      response => {
        let last: Line | undefined
        const lines = createInterface({ input: response })
        lines.on('line', text => {
          const line = JSON.parse(text) as Line
          if ('say' in line) say(line.say)
          else last = line
        })
        lines.on('close', () => {
          if (last && 'done' in last) resolve(last.done as T)
          else reject(new Error(last && 'error' in last ? last.error : gone(verb)))
        })
        // The end of the lines tells: a connection that broke has said no last word.
        response.on('error', () => {})
      },
    )
    asked.on('error', cause => reject(new Error(gone(verb), { cause })))
    asked.end(JSON.stringify(input))
  })
}

function gone(verb: string): string {
  return `the twin went away while it was asked to ${verb}\nHINT: read its log, .twin/<environment>/twin.log`
}
