import { type IncomingHttpHeaders, request } from 'node:http'
import { connect } from 'node:net'
import * as rds from '@aws-sdk/client-rds'
import * as s3 from '@aws-sdk/client-s3'
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import { type ControlServer, startControl } from '../../twin/control/server.ts'
import type { Service } from '../../twin/wire/call.ts'
import { listenerWith } from '../support/wire.ts'
import { getSignedUrl } from '../twin/services/presign.ts'

const ran: string[] = []
const service = (
  name: string,
  schemas: object,
  protocol: Service['protocol'],
  operation: string,
): Service => ({
  name,
  schemas: schemas as Service['schemas'],
  protocol,
  operations: {
    [operation]: {
      questions: () => [],
      run: () => {
        ran.push(`${name}:${operation}`)
      },
    },
  },
})

let twin: Awaited<ReturnType<typeof listenerWith>>
let control: ControlServer
const SECRET = 'as the root key has it'

beforeAll(async () => {
  twin = await listenerWith([
    service('rds', rds, 'query', 'DescribeDBInstances'),
    service('s3', s3, 'rest-xml', 'GetObject'),
  ])
  control = await startControl({ reset: () => ran.push('reset') }, SECRET)
})
afterAll(async () => {
  await twin.close()
  await control.close()
})
afterEach(() => {
  ran.length = 0
})

type Answered = { status: number; headers: IncomingHttpHeaders; body: string }

function send(url: string, headers: Record<string, string>, method = 'POST'): Promise<Answered> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { method, headers, setHost: false }, response => {
      let body = ''
      response.setEncoding('utf8').on('data', chunk => {
        body += chunk
      })
      response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body }))
    })
    sent.on('error', reject)
    sent.end(method === 'POST' ? '{}' : undefined)
  })
}

function sendRaw(url: string, head: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = ''
    const socket = connect(Number(port(url)), '127.0.0.1')
    socket.setEncoding('utf8').on('data', chunk => {
      answer += chunk
    })
    socket.on('error', reject).on('close', () => resolve(answer))
    socket.end([...head, 'Content-Length: 2', 'Connection: close', '', '{}'].join('\r\n'))
  })
}

const port = (url: string) => new URL(url).port

/** A request of an SDK, signed with the root key, as it would go over the wire but for `change`. */
async function sendSigned(change: (headers: Record<string, string>) => void): Promise<Answered> {
  const client = new rds.RDSClient(twin.config())
  const stolen = Promise.withResolvers<Record<string, string>>()
  client.middlewareStack.add(
    () => async args => {
      stolen.resolve({ ...(args.request as { headers: Record<string, string> }).headers })
      throw new Error('kept')
    },
    { step: 'finalizeRequest', name: 'keep', priority: 'low' },
  )
  await client.send(new rds.DescribeDBInstancesCommand({})).catch(() => {})
  client.destroy()
  const headers = await stolen.promise
  change(headers)
  return new Promise((resolve, reject) => {
    const sent = request(twin.url, { method: 'POST', headers }, response => {
      response
        .resume()
        .on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body: '' }))
    })
    sent.on('error', reject)
    sent.end('Action=DescribeDBInstances&Version=2014-10-31')
  })
}

describe('a page whose name resolves to loopback', () => {
  const names = (url: string) => [
    'evil.example',
    `evil.example:${port(url)}`,
    `127.0.0.1.evil.example:${port(url)}`,
    `localhost.evil.example:${port(url)}`,
    `127.0.0.1@evil.example:${port(url)}`,
    `127.0.0.1:${Number(port(url)) + 1}`,
    '127.0.0.1',
    `0.0.0.0:${port(url)}`,
    `127.0.0.1.:${port(url)}`,
  ]

  test('reaches no operation, whatever it signs', async () => {
    for (const host of names(twin.url)) {
      const { status } = await send(twin.url, { host })
      expect({ host, status }).toEqual({ host, status: 421 })
    }
    expect(ran).toEqual([])
  })

  test('reaches no verb, even with the secret', async () => {
    for (const host of names(control.url)) {
      const { status } = await send(`${control.url}/reset`, { host, authorization: `Bearer ${SECRET}` })
      expect({ host, status }).toEqual({ host, status: 421 })
    }
    expect(ran).toEqual([])
  })

  test('is not let in by a second Host, by none, or by a whole URL in the request line', async () => {
    const own = `Host: 127.0.0.1:${port(control.url)}`
    for (const head of [
      ['POST /reset HTTP/1.1', own, 'Host: evil.example'],
      ['POST /reset HTTP/1.1', 'Host: evil.example', own],
      ['POST /reset HTTP/1.1', 'Host:'],
      ['POST /reset HTTP/1.1'],
      ['POST /reset HTTP/1.0'],
      ['POST http://evil.example/reset HTTP/1.1', own],
    ])
      expect(await sendRaw(control.url, [...head, `Authorization: Bearer ${SECRET}`])).toMatch(
        /^HTTP\/1.1 4(00|21) /,
      )
    expect(ran).toEqual([])
    const right = ['POST /reset HTTP/1.1', own, `Authorization: Bearer ${SECRET}`]
    expect(await sendRaw(control.url, right)).toMatch(/^HTTP\/1.1 200 /)
  })

  test('is answered by its own names', async () => {
    for (const name of ['127.0.0.1', 'localhost', 'LOCALHOST', '[::1]'])
      expect(
        await send(`${control.url}/reset`, {
          host: `${name}:${port(control.url)}`,
          authorization: `Bearer ${SECRET}`,
        }),
      ).toMatchObject({ status: 200 })
    expect(ran).toHaveLength(4)
  })
})

describe('a page of another origin', () => {
  test('is refused, and its browser is told of no permission', async () => {
    for (const method of ['POST', 'OPTIONS', 'GET'])
      for (const url of [twin.url, `${control.url}/reset`]) {
        const origin = { origin: 'https://evil.example', authorization: `Bearer ${SECRET}` }
        const { status, headers } = await send(url, { ...origin, host: new URL(url).host }, method)
        expect(status).toBe(403)
        expect(Object.keys(headers).filter(name => name.startsWith('access-control'))).toEqual([])
      }
    expect(ran).toEqual([])
  })
})

describe('a local user without the secret', () => {
  test('is refused unsigned, with the key id and a made-up signature, and in the query', async () => {
    const key = twin.identities.root().principal.accessKeyId
    const date = new Date().toISOString().replace(/[-:]|\.\d+/g, '')
    const scope = `${key}/${date.slice(0, 8)}/us-east-1`
    const host = new URL(twin.url).host
    const tries: [string, Record<string, string>][] = [
      ['/', {}],
      [
        '/',
        {
          authorization: `AWS4-HMAC-SHA256 Credential=${scope}/rds/aws4_request, SignedHeaders=host;x-amz-date, Signature=${'0'.repeat(64)}`,
          'x-amz-date': date,
        },
      ],
      [
        '/',
        {
          authorization: `AWS4-HMAC-SHA256 Credential=${scope}/rds/aws4_request, SignedHeaders=, Signature=`,
          'x-amz-date': date,
        },
      ],
      [
        `/bucket/key?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=${encodeURIComponent(`${scope}/s3/aws4_request`)}&X-Amz-Date=${date}&X-Amz-SignedHeaders=host&X-Amz-Expires=900&X-Amz-Signature=00`,
        {},
      ],
    ]
    for (const [path, headers] of tries) {
      const { status } = await send(`${twin.url}${path}`, { host, ...headers }, path === '/' ? 'POST' : 'GET')
      expect(status).toBe(403)
    }
    expect((await send(`${control.url}/reset`, { host: new URL(control.url).host })).status).toBe(403)
    expect(ran).toEqual([])
  })
})

describe('a signature', () => {
  test('is good for what it covers', async () => {
    expect((await sendSigned(() => {})).status).toBe(200)
  })

  test('that does not cover what a header adds is refused', async () => {
    const { status } = await sendSigned(headers => {
      headers['x-amz-meta-more'] = 'smuggled'
    })
    expect(status).toBe(403)
    expect(ran).toEqual([])
  })

  test('that does not cover the host is refused', async () => {
    const { status } = await sendSigned(headers => {
      headers.authorization = String(headers.authorization).replace('SignedHeaders=', 'SignedHeaders=x-')
    })
    expect(status).toBe(403)
    expect(ran).toEqual([])
  })

  test('of a URL lasts for the seconds that it says, and never for none or for ever', async () => {
    const client = new s3.S3Client(twin.config())
    const lasting = async (seconds: number) => {
      const url = await getSignedUrl(client, { Bucket: 'b', Key: 'k' }, seconds)
      return (await fetch(url)).status
    }
    expect(await lasting(900)).toBe(200)
    // The signature holds for each of these: AWS refuses what they say.
    for (const seconds of [0, -5, Number.NaN]) expect(await lasting(seconds)).not.toBe(200)
    expect(ran).toEqual(['s3:GetObject'])
    client.destroy()
  })
})
