import { setTimeout as sleep } from 'node:timers/promises'
import { RDSClient, RebootDBInstanceCommand } from '@aws-sdk/client-rds'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import type pg from 'pg'
import { invokeFunction } from '../../../bin/drill/invoke.ts'
import { verifyArchive } from '../../../lambdas/archive-verification/verify.ts'
import type { ArchiverAnswer } from '../../../lambdas/archiver/request.ts'
import {
  type Archive,
  listSegments,
  readHeader,
  readMessages,
} from '../../../lambdas/runtime/segment/store.ts'
import { placedChanges } from '../../../lambdas/runtime/segment/transactions.ts'
import { openProdTwin, type ProdTwin } from '../../bin/prod-twin.ts'

let twin: ProdTwin
let archive: Archive
const acknowledged: number[] = []

beforeAll(async () => {
  twin = await openProdTwin(true)
  const { deployment } = twin
  archive = { s3: deployment.s3('home'), bucket: await deployment.output('home', 'SegmentsBucket') }
  const client = await twin.connect()
  await client.query('create table public.written (id int primary key)')
  await client.end()
  await archiveFor(0)
}, 300_000)

afterAll(() => twin?.close(), 120_000)

async function archiveFor(seconds: number): Promise<ArchiverAnswer> {
  const arn = await twin.deployment.output('home', 'ArchiverArn')
  return invokeFunction<ArchiverAnswer>(twin.deployment.lambda('home'), arn, { seconds })
}

/** Commits one row after the other, over every outage, until it is told to stop. */
function writer() {
  let isStopped = false
  let committed = 0
  const work = (async () => {
    let client: pg.Client | undefined
    for (let id = (acknowledged.at(-1) ?? 0) + 1; !isStopped; ) {
      try {
        client ??= await twin.connect()
        // An outage may leave the question open whether the row is there.
        await client.query('insert into public.written values ($1) on conflict do nothing', [id])
        acknowledged.push(id++)
        committed++
      } catch {
        await client?.end().catch(() => {})
        client = undefined
        await sleep(50)
      }
    }
    await client?.end()
  })()
  return {
    until: async (count: number) => {
      const wanted = committed + count
      while (committed < wanted) await sleep(20)
    },
    stop: () => {
      isStopped = true
      return work
    },
  }
}

async function archivedRows(): Promise<number[]> {
  const ids: number[] = []
  for await (const { key } of listSegments(archive))
    for await (const { change, relations } of placedChanges(
      readMessages(archive, await readHeader(archive, key)),
    ))
      if (change.kind === 'insert' && relations[0]?.name === 'written') ids.push(Number(change.row[0]))
  return ids
}

const outages: [string, () => Promise<unknown>][] = [
  [
    'its Multi-AZ failover',
    async () => {
      const rds = new RDSClient({ region: twin.deployment.region('home') })
      await rds.send(new RebootDBInstanceCommand({ DBInstanceIdentifier: 'shop-prod', ForceFailover: true }))
      rds.destroy()
    },
  ],
  ['a kill of its process', () => twin.injure({ kind: 'kill-instance', instance: 'shop-prod' })],
]

test.each(outages)(
  'archives every acknowledged commit once across %s, without a gap',
  async (_, strike) => {
    const writing = writer()
    await writing.until(50)
    // Its connections end with the primary: this run may fail, and the next goes on where the archive ends.
    const running = archiveFor(20).catch(() => undefined)
    await writing.until(200)
    await strike()
    await writing.until(200)
    await running
    await writing.until(20)
    await writing.stop()
    const answer = await archiveFor(0)
    expect(answer).toMatchObject({ state: 'archived', gaps: [] })
    expect(await archivedRows()).toEqual(acknowledged)
    const { verdict, histories } = await verifyArchive(archive)
    expect(histories.flatMap(history => history.faults)).toEqual([])
    expect(verdict).toBe('pass')
  },
  180_000,
)
