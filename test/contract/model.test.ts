import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { readModel } from '../../twin/wire/model.ts'
import { type Account, openAccount } from './account.ts'

// What follows from the service models alone, for each operation that the twin has.
let account: Account

beforeAll(async () => {
  account = await openAccount()
})

afterAll(async () => {
  await account.close()
})

type Client = {
  send(command: unknown): Promise<unknown>
  destroy(): void
  middlewareStack: { add(middleware: unknown, options: object): void }
}

type Request = { body?: unknown; query: Record<string, string> }

/** Each operation of each service, with a client and the class of its command. */
function* operations() {
  for (const service of account.twin?.services ?? []) {
    const model = readModel(service)
    const schemas = service.schemas as Record<string, new (input: object) => unknown>
    const Client = Object.entries(schemas).find(
      ([name]) => name.endsWith('Client') && name !== '__Client',
    )?.[1]
    if (!Client) throw new Error(`${service.name} has no client`)
    const client = new Client({ ...account.twin?.config, forcePathStyle: true }) as Client
    for (const name of Object.keys(service.operations)) {
      const Command = schemas[`${name}Command`]
      const input = model.operations.get(name)?.input
      if (!Command || !input) throw new Error(`${service.name} has no ${name}Command`)
      yield { service, name, input, client, send: (given: object) => answer(client.send(new Command(given))) }
    }
    client.destroy()
  }
}

const answer = (sent: Promise<unknown>): Promise<string> =>
  sent.then(
    () => 'it succeeded',
    (error: Error) => error.message,
  )

describe('each operation of the twin', () => {
  test('is an operation of the service model', () => {
    const strangers = (account.twin?.services ?? []).flatMap(service => {
      const model = readModel(service)
      return Object.keys(service.operations).filter(name => !model.operations.has(name))
    })
    expect(strangers).toEqual([])
  })

  test('that needs a member names it when it is missing', async () => {
    const silent: string[] = []
    let asked = 0
    for (const { service, name, input, send } of operations()) {
      const [first] = input.required
      // A label is part of the path: the SDK itself refuses to leave it out.
      if (!first || input.members.get(first)?.traits.httpLabel) continue
      asked++
      const message = await send({})
      if (!message.toLowerCase().includes(first.toLowerCase()))
        silent.push(`${service.name}:${name}: ${message}`)
    }
    expect(silent).toEqual([])
    if (account.twin) expect(asked).toBeGreaterThan(80)
  })

  test('refuses a member and a parameter that its model does not have, by name', async () => {
    const silent: string[] = []
    let asked = 0
    const spoiled = new Set<Client>()
    for (const { service, name, input, client, send } of operations()) {
      if (!spoiled.has(client))
        client.middlewareStack.add(spoil(service.protocol), { step: 'build', priority: 'high' })
      spoiled.add(client)
      // By its path, and by what its query must say, the operation is known.
      const known = [...input.members].filter(
        ([member, { traits }]) => traits.httpLabel || (traits.httpQuery && input.required.includes(member)),
      )
      const body = input.members.has('Body') ? { Body: 'x' } : {}
      const message = await send({
        ...Object.fromEntries(known.map(([member, { kind }]) => [member, kind === 'number' ? 1 : 'some'])),
        ...body,
      })
      asked++
      // The answer to a HEAD has no body that could name anything.
      const wanted = name.startsWith('Head') ? /^UnknownError$/ : /Nonsense is not a parameter of/
      if (!wanted.test(message)) silent.push(`${service.name}:${name}: ${message}`)
    }
    expect(silent).toEqual([])
    if (account.twin) expect(asked).toBeGreaterThan(150)
  })
})

/** Adds to a request what no model has, before it is signed. */
function spoil(protocol: string) {
  return (next: (args: { request: Request }) => unknown) => (args: { request: Request }) => {
    const { request } = args
    if (protocol === 'query') request.body = `${request.body}&Nonsense=1`
    else if (protocol.startsWith('json'))
      request.body = JSON.stringify({
        ...JSON.parse(new TextDecoder().decode(request.body as Uint8Array)),
        Nonsense: 1,
      })
    else request.query = { ...request.query, Nonsense: '1' }
    return next(args)
  }
}
