import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { startArchiver, untilAlone } from './crash.ts'
import { openRig, type Rig } from './rig.ts'

/** More than a test has time for with HOLDFAST_CRASHES=200. */
const CRASHES = Number(process.env.HOLDFAST_CRASHES ?? 20)

let rig: Rig

beforeAll(async () => {
  rig = await openRig()
  await rig.sql('create table account (id int primary key, balance int not null default 0)')
  await rig.sql('create table entry (id bigint generated always as identity, account int, amount int)')
  await rig.sql('insert into account select generate_series(1, 50)')
  await rig.run()
})

afterAll(() => rig.close())

test(
  `a copy rolled forward equals the primary after ${CRASHES} kills at random moments under load, with its bell rung and others started beside it`,
  async () => {
    await rig.lab.beat()
    const backup = await rig.lab.backup()
    await rig.lab.beat()
    const copy = await rig.lab.restore(backup)
    let busy = true
    const load = async () => {
      const client = await rig.lab.primary.connect('master')
      for (let round = 0; busy; round++) {
        const account = 1 + Math.floor(Math.random() * 50)
        await client.query('begin')
        await client.query('update account set balance = balance + 1 where id = $1', [account])
        await client.query('insert into entry (account, amount) values ($1, 1)', [account])
        if (round % 7 === 0) await client.query('delete from entry where account = $1', [account])
        await client.query(round % 11 === 0 ? 'rollback' : 'commit')
        if (round % 5 === 0) await client.query('notify holdfast_archive')
        await new Promise(resolve => setTimeout(resolve, 1))
      }
      await client.end()
    }
    const loads = [load(), load()]
    for (let crash = 0; crash < CRASHES; crash++) {
      // Now and then two at once: whoever comes second leaves the slot to the first, and is killed with it.
      const children = await Promise.all(
        Array.from({ length: crash % 4 === 0 ? 2 : 1 }, () => startArchiver(rig, rig.url, 60)),
      )
      await Promise.all(children.map(child => child.line()))
      await new Promise(resolve => setTimeout(resolve, Math.random() * 400))
      await Promise.all(children.map(child => child.kill()))
      await untilAlone(rig)
    }
    busy = false
    await Promise.all(loads)
    const wanted = await rig.fingerprint()
    await rig.lab.beat()
    await rig.run()
    const commits = (await rig.changes()).flatMap(({ change }) =>
      change.kind === 'commit' ? [change.commit] : [],
    )
    expect(new Set(commits).size).toBe(commits.length)
    const { snapshot, lsn } = wanted
    const applied = await rig.apply(copy, { kind: 'snapshot', snapshot, lsn })
    expect(applied.checks.map(check => check.verdict)).toEqual(['pass'])
    const compared = await rig.compare(copy, wanted)
    expect(compared.checks).toMatchObject([{ name: 'roll-forward.identical', verdict: 'pass' }])
    expect(compared.different).toBe(0)
  },
  60_000 + CRASHES * 10_000,
)
