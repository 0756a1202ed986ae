import { createServer, type Server } from 'node:net'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { handler as examine } from '../../lambdas/examine/handler.ts'
import { ENV as EXAMINE } from '../../lambdas/examine/names.ts'
import { handler as rollForward } from '../../lambdas/roll-forward/handler.ts'
import { ENV as ROLL_FORWARD } from '../../lambdas/roll-forward/names.ts'
import { refuseForeignCopy } from '../../lambdas/runtime/whereabouts.ts'

/** Whoever is connected to by mistake. */
let listener: Server
let port = 0
let calls = 0
beforeAll(async () => {
  listener = createServer(socket => {
    calls += 1
    socket.destroy()
  })
  await new Promise<void>(resolve => listener.listen(0, '127.0.0.1', resolve))
  port = (listener.address() as { port: number }).port
})
afterAll(() => {
  listener.close()
})

const SUFFIX = 'c9akciq32.us-east-1.rds.amazonaws.com'
const PRIMARY = { identifier: 'shop-prod', host: `shop-prod.${SUFFIX}`, port: 5432, database: 'shop' }
const COPY = {
  ...{ identifier: 'drill-shop-prod-0123456789', host: `drill-shop-prod-0123456789.${SUFFIX}` },
  ...{ port: 5432, database: 'shop' },
}
beforeEach(() => {
  calls = 0
  const { env } = process
  env[EXAMINE.name] = 'shop-prod'
  env[EXAMINE.instance] = PRIMARY.identifier
  env[EXAMINE.host] = PRIMARY.host
  env[EXAMINE.port] = '5432'
  env[EXAMINE.database] = 'shop'
  env[ROLL_FORWARD.bucket] = 'none'
  env.AWS_REGION = 'us-east-1'
})

const boundary = { nextXid: '1', exact: true, timeline: 2 }

describe.each([
  ['the metadata service of EC2', { host: '169.254.169.254' }],
  ['this machine', { host: '127.0.0.1' }],
  ['this machine by its name', { host: 'localhost' }],
  ['this machine in IPv6', { host: '::1' }],
  ['a number', { host: '2130706433' }],
  ['the primary', PRIMARY],
  ['the primary under a copy’s name', { host: PRIMARY.host }],
  ['a replica under a copy’s name', { host: `shop-prod-read-1.${SUFFIX}` }],
  ['another copy under a copy’s name', { host: `drill-shop-prod-ffffffffff.${SUFFIX}` }],
  ['a host of another account', { host: 'drill-shop-prod-0123456789.czz.us-east-1.rds.amazonaws.com' }],
  ['a host that only begins like it', { host: `${COPY.host}.example.com` }],
  ['a host that only ends like it', { host: `example.com/.${SUFFIX}` }],
  ['a copy of another environment', { identifier: 'drill-web-prod-1', host: `drill-web-prod-1.${SUFFIX}` }],
  ['an identifier with a host in it', { identifier: 'drill-shop-prod-x.example.com#' }],
  ['a socket’s folder', { host: '/var/run/postgresql' }],
  ['another database', { database: 'postgres' }],
])('%s in the copy’s place', (_, changed) => {
  test('is refused before a connection is made, by the examination and by the roll-forward', async () => {
    for (const own of [{}, { port }]) {
      const copy = { ...COPY, ...changed, ...own }
      for (const event of [
        { task: 'open', copy },
        { task: 'assertions', copy, assertions: [{ name: 'a', sql: 'select true' }] },
        { task: 'structure', copy },
        { task: 'quarantine', copy, primary: PRIMARY },
        { task: 'fault', copy, primary: PRIMARY, kind: 'row-deleted' },
      ])
        await expect(examine(event)).rejects.toMatchObject({ name: 'NotACopy' })
      const apply = { task: 'apply', copy, systemIdentifier: '1', boundary, target: { kind: 'latest' } }
      await expect(rollForward(apply)).rejects.toMatchObject({ name: 'NotACopy' })
      const fingerprint = { tables: [], incomplete: [], outside: [] }
      await expect(rollForward({ task: 'compare', copy, fingerprint })).rejects.toMatchObject({
        name: 'NotACopy',
      })
    }
    expect(calls).toBe(0)
  })
})

describe.each([
  ['the metadata service of EC2', { host: '169.254.169.254', port: 80 }],
  ['this machine', { host: '127.0.0.1' }],
  ['a copy', COPY],
  ['a replica', { identifier: 'shop-prod-read-1', host: `shop-prod-read-1.${SUFFIX}` }],
  ['another port', { port: 22 }],
  ['another database', { database: 'postgres' }],
])('%s in the primary’s place', (_, changed) => {
  test('is refused before a connection is made', async () => {
    const primary = { ...PRIMARY, ...changed }
    for (const event of [
      { task: 'mark', primary },
      { task: 'canaries', primary, drill: '0123456789' },
      { task: 'structure', primary, copy: COPY },
    ])
      await expect(examine(event)).rejects.toMatchObject({ name: 'NotThePrimary' })
    expect(calls).toBe(0)
  })
})

test('a copy of this environment, and one that a restore proves, are let through', () => {
  const reference = { ...PRIMARY, name: 'shop-prod' }
  const proving = { ...COPY, identifier: 'drill-proving-shop', host: `drill-proving-shop.${SUFFIX}` }
  for (const copy of [COPY, proving]) expect(() => refuseForeignCopy(copy, reference)).not.toThrow()
  // In the other region a replica stands for the primary, and its name is longer than the environment's.
  const standby = { ...reference, identifier: 'shop-prod-standby', host: `shop-prod-standby.${SUFFIX}` }
  expect(() => refuseForeignCopy(COPY, standby)).not.toThrow()
})

test.each([
  ['a drill id of 100 kB', { task: 'canaries', primary: PRIMARY, drill: 'x'.repeat(100_000) }],
  ['a drill id with a quote', { task: 'canaries', primary: PRIMARY, drill: `x'; drop` }],
  ['no target', { task: 'canaries', primary: PRIMARY, drill: 'x', target: 'soon' }],
  ['a statement of a megabyte', { task: 'open', copy: COPY, warm: ['x'.repeat(1_000_000)] }],
  ['a batch of no numbers', { task: 'compare', primary: PRIMARY, copy: COPY, batch: [['x', 0, null]] }],
  [
    'a thousand connections',
    { task: 'compare', primary: PRIMARY, copy: COPY, batch: [], concurrency: 1_000 },
  ],
  ['a port of no number', { task: 'mark', primary: { ...PRIMARY, port: '5432' } }],
  ['a task that every object has', { task: 'constructor' }],
  ['nothing', null],
])('%s is refused, and the answer does not repeat it', async (_, event) => {
  const thrown = await examine(event).then(
    () => undefined,
    (error: Error) => error,
  )
  expect(thrown).toMatchObject({ name: 'BadExamineRequest' })
  expect(thrown?.message.length).toBeLessThan(1_000)
})
