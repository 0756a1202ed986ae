import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { CreateDBInstanceCommand, type DBInstance } from '@aws-sdk/client-rds'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { childrenOf } from '../../../twin/postgres/processes.ts'
import { describe, openTarget, type Target, until, untilStatus } from '../../contract/target.ts'

const login = { user: 'master', password: 'correct-horse', database: 'shop' }

let target: Target
let instance: DBInstance

beforeAll(async () => {
  target = await openTarget()
  const rds = target.rds()
  await rds.send(
    new CreateDBInstanceCommand({
      DBInstanceIdentifier: 'crash',
      Engine: 'postgres',
      DBInstanceClass: 'db.t4g.micro',
      MasterUsername: login.user,
      MasterUserPassword: login.password,
      DBName: login.database,
      MultiAZ: true,
    }),
  )
  instance = await untilStatus(rds, 'crash', 'available')
  const client = await target.connect(instance, login)
  await client.query('create table t (n bigint primary key)')
  await client.end()
}, 120_000)

afterAll(() => target.close(), 60_000)

/** Writes until told to end, over a new connection whenever the old one breaks. Counts what was acknowledged. */
function startWriter(first: number) {
  const acknowledged: number[] = []
  let isWriting = true
  const ended = (async () => {
    let n = first
    while (isWriting) {
      const client = await target.connect(instance, login).catch(() => undefined)
      if (!client) continue
      try {
        while (isWriting) {
          n++
          await client.query('insert into t values ($1)', [n])
          acknowledged.push(n)
        }
      } catch {
        // Cut off in the middle of an insert: nobody was told that it is in, so it is not counted.
      } finally {
        await client.end().catch(() => {})
      }
    }
  })()
  return {
    acknowledged,
    stop: async () => {
      isWriting = false
      await ended
    },
  }
}

/** A postmaster or one of its processes, by a fixed sequence of random numbers. */
function processIds(): number[] {
  const file = `${target.twin!.root}/clusters`
  const pid = Number(readPid(file))
  return [pid, ...childrenOf(pid)]
}

function readPid(clusters: string): string {
  const [folder] = readdirSync(clusters)
  return readFileSync(join(clusters, folder!, 'data', 'postmaster.pid'), 'utf8').split('\n')[0]!
}

test('twenty SIGKILLs of random processes under load lose nothing that was acknowledged', async () => {
  const writers = [1, 2, 3].map(each => startWriter(each * 1_000_000))
  const count = () => writers.reduce((sum, each) => sum + each.acknowledged.length, 0)
  let seed = 42
  const random = () => {
    seed = (seed * 1103515245 + 12345) % 2147483648
    return seed / 2147483648
  }
  for (let round = 0; round < 20; round++) {
    const before = count()
    await until(async () => count() > before + 20, 60)
    const ids = processIds()
    // Every fourth round takes the postmaster itself: the whole host, and with it a failover.
    const victim = round % 4 === 0 ? ids[0]! : ids[Math.floor(random() * ids.length)]!
    try {
      process.kill(victim, 'SIGKILL')
    } catch (error) {
      // A backend that had just ended by itself is nothing to kill.
      expect((error as NodeJS.ErrnoException).code).toBe('ESRCH')
    }
  }
  const before = count()
  await until(async () => count() > before + 20, 60)
  await Promise.all(writers.map(each => each.stop()))
  const client = await target.connect(await describe(target.rds(), 'crash'), login)
  const there = new Set((await client.query('select n from t')).rows.map(row => Number(row.n)))
  await client.end()
  const lost = writers.flatMap(each => each.acknowledged).filter(n => !there.has(n))
  expect(lost).toEqual([])
  expect(there.size).toBeGreaterThan(400)
  const failovers = target.twin!.events.filter(event => event.id === 'RDS-EVENT-0049')
  expect(failovers.length).toBeGreaterThanOrEqual(5)
  expect((await describe(target.rds(), 'crash')).Endpoint).toEqual(instance.Endpoint)
}, 300_000)

test('a new life of the twin finds its instances at their addresses, with their rows and their backups', async () => {
  const rds = target.rds()
  // Killed over and over, it may not have had the peace for its first backup: that is taken again within a minute.
  await until(async () => (await describe(rds, 'crash')).LatestRestorableTime !== undefined, 90)
  const before = await describe(rds, 'crash')
  const client = await target.connect(before, login)
  await client.query('insert into t values (1)')
  await client.end()
  await target.twin!.restart()
  const after = await describe(rds, 'crash')
  expect(after).toMatchObject({ DBInstanceStatus: 'available', Endpoint: before.Endpoint })
  const again = await target.connect(after, login)
  expect((await again.query('select count(*)::int as n from t where n = 1')).rows).toEqual([{ n: 1 }])
  await again.end()
  const reached = before.LatestRestorableTime!.getTime()
  await until(async () => ((await describe(rds, 'crash')).LatestRestorableTime?.getTime() ?? 0) > reached)
}, 180_000)
