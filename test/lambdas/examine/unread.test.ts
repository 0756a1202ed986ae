import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { examineCopy, marked, task } from '../../../bench/examination.ts'
import { type Lab, openLab, type Server } from '../../../bench/lab.ts'
import { coverage } from '../../../lambdas/runtime/table-result.ts'

let lab: Lab
let copy: Server
beforeAll(async () => {
  lab = await openLab(18)
  await lab.primary.run(`
    create table public.policed (id int);
    insert into public.policed select g from generate_series(1, 10) g;
    alter table public.policed enable row level security;
    create table public.free (id int);
    insert into public.free select g from generate_series(1, 10) g;
    alter role holdfast_examine nobypassrls;`)
  const backup = await lab.backup()
  await lab.beat()
  copy = await lab.restore(backup)
}, 120_000)
afterAll(() => lab?.close())

// Naive: row_security left on: both sides see no row, and "equal" is said of a table that nobody read.
test('a table that may not be read whole is unknown and names its reason', async () => {
  const found = await examineCopy(lab.primary, copy, { marked: await marked(lab.primary), dataOnly: true })
  expect(found.red).toEqual(['compare.table.public.policed'])
  expect(found.table('public.policed')).toMatchObject({
    skipped: true,
    equal: 0,
    notCompared: expect.stringMatching(/SQLSTATE 42501: the right is missing, or a row policy/),
  })
  expect(found.table('public.free')).toMatchObject({ equal: 10 })
  expect(coverage(found.tables)).toBeLessThanOrEqual(100)
})

test('assertions pass on true alone', async () => {
  const { checks } = await task(
    {
      task: 'assertions',
      copy: copy.endpoint,
      assertions: [
        { name: 'ten', sql: 'select count(*) = 10 from free' },
        { name: 'eleven', sql: 'select count(*) = 11 from free' },
        { name: 'null', sql: 'select null::boolean' },
        { name: 'none', sql: 'select true where false' },
        { name: 'text', sql: `select 'a secret'` },
        { name: 'broken', sql: 'select from nowhere' },
        { name: 'writes', sql: 'delete from free returning true' },
      ],
    },
    undefined,
    copy,
  )
  expect(checks.map(check => [check.name, check.verdict])).toEqual([
    ['assertion.ten', 'pass'],
    ['assertion.eleven', 'fail'],
    ['assertion.null', 'fail'],
    ['assertion.none', 'fail'],
    ['assertion.text', 'fail'],
    ['assertion.broken', 'unknown'],
    ['assertion.writes', 'unknown'],
  ])
  expect(JSON.stringify(checks)).not.toContain('a secret"}')
})

test('warm queries run as the workload would, and a failing one is told', async () => {
  const { checks, firstQueryMs, warmMs } = await task(
    { task: 'open', copy: copy.endpoint, warm: ['select count(*) from free', 'select from nowhere'] },
    undefined,
    copy,
  )
  expect(checks.map(check => check.verdict)).toEqual(['pass', 'pass', 'fail'])
  expect(warmMs).toBeGreaterThanOrEqual(firstQueryMs)
})

test('a copy that cannot be reached is not ready yet', async () => {
  const gone = { ...copy, connect: () => Promise.reject(new Error('connect ECONNREFUSED')) }
  await expect(task({ task: 'open', copy: gone.endpoint }, undefined, gone)).rejects.toMatchObject({
    name: 'CopyNotReady',
    message: 'drill-shop-prod-1 cannot be reached: connect ECONNREFUSED',
  })
})

test('a primary without heartbeats cannot be drilled', async () => {
  const other = await openLab(18)
  try {
    const { checks } = await task({ task: 'mark', primary: other.primary.endpoint }, other.primary)
    expect(checks).toMatchObject([{ name: 'mark.heartbeat', verdict: 'fail' }])
  } finally {
    await other.close()
  }
})
