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

type Client = { send(command: unknown): Promise<unknown>; destroy(): void }

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
    for (const service of account.twin?.services ?? []) {
      const model = readModel(service)
      const schemas = service.schemas as Record<string, new (input: object) => unknown>
      const Client = Object.entries(schemas).find(
        ([name]) => name.endsWith('Client') && name !== '__Client',
      )?.[1]
      if (!Client) throw new Error(`${service.name} has no client`)
      const client = new Client({ ...account.twin?.config, forcePathStyle: true }) as Client
      for (const name of Object.keys(service.operations)) {
        const [first] = model.operations.get(name)?.input.required ?? []
        // A label is part of the path: the SDK itself refuses to leave it out.
        if (!first || model.operations.get(name)?.input.members.get(first)?.traits.httpLabel) continue
        const Command = schemas[`${name}Command`]
        if (!Command) throw new Error(`${service.name} has no ${name}Command`)
        asked++
        const message = await client.send(new Command({})).then(
          () => 'it succeeded',
          (error: Error) => error.message,
        )
        if (!message.toLowerCase().includes(first.toLowerCase()))
          silent.push(`${service.name}:${name}: ${message}`)
      }
      client.destroy()
    }
    expect(silent).toEqual([])
    if (account.twin) expect(asked).toBeGreaterThan(80)
  })
})
