import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { openRig, type Rig, readBoundary } from '../archiver/rig.ts'

const PREPARED = { max_prepared_transactions: 10 }

let rig: Rig

beforeAll(async () => {
  rig = await openRig({ settings: PREPARED })
  await rig.sql('create table item (id int primary key, v text)')
  await rig.sql("insert into item select g, 'base' from generate_series(1, 20) g")
  await rig.sql('create role app; grant app to master; grant all on item to app')
  await rig.run()
}, 240_000)

afterAll(() => rig.close())

const prepareAsApp = (gid: string, statement: string) =>
  rig.sql(`set role app; begin; ${statement}; prepare transaction '${gid}'; reset role`)

/** A copy that ends while transactions are prepared, rolled forward over what happened to them since. */
async function rollOver(prepare: () => Promise<unknown>, after: () => Promise<unknown>) {
  await prepare()
  await rig.lab.beat()
  const copy = await rig.lab.restore(await rig.lab.backup(), undefined, PREPARED)
  const boundary = await readBoundary(copy)
  await after()
  const wanted = await rig.fingerprint()
  await rig.lab.beat()
  await rig.run()
  const { snapshot, lsn } = wanted
  const roll = () => rig.apply(copy, { kind: 'snapshot', snapshot, lsn }, 600, boundary)
  const prepared = async () =>
    (
      await copy.one<{ all: string | null }>(
        "select string_agg(gid, ', ' order by gid) as all from pg_prepared_xacts",
      )
    ).all
  return { roll, prepared, compare: async () => (await rig.compare(copy, wanted)).checks }
}

test('a transaction that was prepared at the cut and committed after it is in the copy once', async () => {
  const rolled = await rollOver(
    async () => {
      await prepareAsApp(
        'committed',
        "insert into item values (100, 'prepared'); update item set v = 'new' where id = 1",
      )
      await prepareAsApp('undecided', "insert into item values (101, 'undecided')")
    },
    async () => {
      await rig.sql("update item set v = 'meanwhile' where id = 2")
      await rig.lab.primary.run("commit prepared 'committed'")
      await rig.sql("update item set v = v || ', later' where id in (1, 100)")
    },
  )
  expect((await rolled.roll()).checks).toMatchObject([{ name: 'roll-forward.applied', verdict: 'pass' }])
  expect(await rolled.compare()).toMatchObject([{ name: 'roll-forward.identical', verdict: 'pass' }])
  // Nobody has decided on the other one yet: on the copy it waits as on the primary.
  expect(await rolled.prepared()).toBe('undecided')
  await rig.lab.primary.run("rollback prepared 'undecided'")
}, 240_000)

test('a transaction that was prepared at the cut and rolled back after it does not stand in the way', async () => {
  const rolled = await rollOver(
    () => prepareAsApp('rolled back', 'update item set v = $$never$$ where id = 5'),
    async () => {
      await rig.lab.primary.run("rollback prepared 'rolled back'")
      await rig.sql("update item set v = 'after it' where id = 5")
    },
  )
  await expect(rolled.roll()).rejects.toMatchObject({
    name: 'CopyLocked',
    message: 'the copy was locked by prepared transactions, now gone: rolled back',
  })
  expect((await rolled.roll()).checks).toMatchObject([{ name: 'roll-forward.applied', verdict: 'pass' }])
  expect(await rolled.compare()).toMatchObject([{ name: 'roll-forward.identical', verdict: 'pass' }])
}, 240_000)

test('says what to do where only the owner of the database may end one', async () => {
  const rolled = await rollOver(
    () => rig.sql("begin; update item set v = 'owned' where id = 6; prepare transaction 'owned'"),
    () => rig.sql("commit prepared 'owned'"),
  )
  expect((await rolled.roll()).checks).toMatchObject([
    {
      name: 'roll-forward.applied',
      verdict: 'unknown',
      detail: expect.stringContaining("as master, say on the copy: rollback prepared 'owned'"),
    },
  ])
}, 240_000)
