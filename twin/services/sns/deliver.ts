import { appendFileSync, mkdirSync } from 'node:fs'
import { request } from 'node:http'
import { dirname } from 'node:path'

/** One line of the inbox: what a person would have got, or why it was not sent. */
export type InboxLine = {
  readonly at: string
  readonly topic: string
  readonly protocol: string
  readonly endpoint: string
  readonly subject?: string
  readonly message: string
  readonly messageId: string
  readonly delivered: boolean
  /** Why not: `not delivered: not loopback`, the HTTP status, the error. */
  readonly reason?: string
}

/** Appends lines to the inbox on disk (JSON lines). */
export function openInbox(file: string): (line: InboxLine) => void {
  mkdirSync(dirname(file), { recursive: true })
  return line => appendFileSync(file, `${JSON.stringify(line)}\n`)
}

const LOOPBACK = new Set(['127.0.0.1', 'localhost', '[::1]'])

/** Whether a URL is of this machine; the twin calls no other. */
export const isLoopback = (url: string): boolean => URL.canParse(url) && LOOPBACK.has(new URL(url).hostname)

/** How long a receiver may take. */
const TIMEOUT_MS = 5000

/** POSTs an SNS message to loopback as SNS does; answers the status. */
export function post(url: string, type: string, topicArn: string, body: object): Promise<number> {
  const content = JSON.stringify(body)
  return new Promise((resolve, reject) => {
    const sent = request(
      url,
      {
        method: 'POST',
        timeout: TIMEOUT_MS,
        headers: {
          'content-type': 'text/plain; charset=UTF-8',
          'content-length': Buffer.byteLength(content),
          'x-amz-sns-message-type': type,
          'x-amz-sns-topic-arn': topicArn,
        },
      },
      response => {
        response.resume()
        response.once('end', () => resolve(response.statusCode ?? 0))
        response.once('error', reject)
      },
    )
    sent.once('timeout', () => sent.destroy(new Error(`${url} did not answer in ${TIMEOUT_MS} ms`)))
    sent.once('error', reject)
    sent.end(content)
  })
}
