import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals'
import type pg from 'pg'
import { type Lab, openLab, type Server, sidesOf } from '../../bench/lab.ts'
import { examine } from '../../lambdas/examine/examine.ts'
import type { ExamineRequest, TaskName } from '../../lambdas/examine/request.ts'
import type { Side, Sides } from '../../lambdas/examine/side.ts'
import { compareWith } from '../../lambdas/roll-forward/compare.ts'
import { fingerprint } from '../../lambdas/roll-forward/fingerprint.ts'
import { rollForward } from '../../lambdas/roll-forward/roll-forward.ts'
import { sentence } from '../../lambdas/runtime/failure.ts'
import { sealed } from '../../lambdas/runtime/sealed.ts'
import { saidOfState } from '../../lambdas/runtime/server-error.ts'
import { watchWorkload } from '../../lambdas/workload/workload.ts'

const SECRET = '4111-1111-1111-1111'

/** The secret's beginning, or the code that nobody documented; a moment or an identifier may hold the same digits. */
const SPOKEN = /\b4111-|\b41111\b/

let lab: Lab
let copy: Server
let spoken: string[] = []
beforeAll(async () => {
  lab = await openLab(18)
  await lab.primary.run(`
    create table public.orders (id int primary key, card text);
    insert into public.orders select g, '${SECRET}' from generate_series(1, 10) g;
    -- A server that speaks: whatever is asked, the answer is an error with rows in every field that it has.
    create function public.speak(code text) returns void language plpgsql as $$
    begin
      begin
        execute format('select %L::int', '${SECRET}');
      exception when others then
        raise exception '${SECRET}' using
          errcode = code, detail = '${SECRET}', hint = '${SECRET}', column = '${SECRET}', constraint = '${SECRET}',
          datatype = '${SECRET}', table = '${SECRET}', schema = '${SECRET}';
      end;
    end $$`)
  await lab.beat()
  const backup = await lab.backup()
  await lab.beat()
  copy = await lab.restore(backup)
}, 120_000)
afterAll(() => lab?.close())

beforeEach(() => {
  spoken = []
  for (const method of ['log', 'warn', 'error', 'info'] as const)
    jest.spyOn(console, method).mockImplementation((...words) => void spoken.push(words.join(' ')))
})
afterEach(() => {
  jest.restoreAllMocks()
})

type Trap = { at: number; hit: boolean; readonly code: string }

/** The client, whose statement number `at` is answered with the error that speaks. */
function trapped(client: pg.Client, trap: Trap): pg.Client {
  const query = client.query.bind(client) as (...args: unknown[]) => unknown
  Object.assign(client, {
    query: (...args: unknown[]) => {
      trap.at -= 1
      if (trap.at !== 0) return query(...args)
      trap.hit = true
      const speaking = query({ text: 'select public.speak($1)', values: [trap.code], queryMode: 'extended' })
      return speaking
    },
  })
  return client
}

const sideOf = (side: Side, trap: Trap): Side => ({
  ...side,
  open: async () => trapped(await side.open(), trap),
  openForAssertions: async () => trapped(await side.openForAssertions(), trap),
  within: database => sideOf(side.within(database), trap),
})

/** Everything that Lambda would answer and log of what a handler threw. */
function shown(thrown: unknown): string {
  const error = thrown as Error
  return [error.name, error.message, error.stack, JSON.stringify(error), String(error.cause)].join('\n')
}

async function said(work: () => Promise<unknown>): Promise<string> {
  try {
    return JSON.stringify(await sealed(work)())
  } catch (error) {
    return shown(error)
  }
}

const requests = (): Record<TaskName, ExamineRequest> => {
  const both = { primary: lab.primary.endpoint, copy: copy.endpoint }
  const boundary = { nextXid: '100000', exact: true, timeline: 2 }
  const cut = {
    ...{ seq: '1', at: '2026-01-01T00:00:00Z', lsn: '0/1', snapshot: '90000:90000:' },
    ...{ instance: 'shop-prod', timeline: 1 },
  }
  return {
    canaries: { task: 'canaries', primary: both.primary, drill: 'a' },
    mark: { task: 'mark', primary: both.primary },
    open: { task: 'open', copy: both.copy, warm: ['select 1'] },
    quarantine: { task: 'quarantine', ...both },
    identify: {
      ...{ task: 'identify', ...both, boundary, mode: 'latest', target: cut.at },
      expected: { systemIdentifier: '1', instances: ['shop-prod'], version: '18', timeline: 1 },
      canaries: [{ id: '00000000-0000-4000-8000-000000000000', offset: -1, at: cut.at }],
    },
    cut: { task: 'cut', ...both, disasterAt: cut.at },
    structure: { task: 'structure', ...both, boundary },
    databases: { task: 'databases', ...both, boundary, cut },
    plan: { task: 'plan', ...both, boundary, cut },
    compare: { task: 'compare', ...both, boundary, cut, batch: [[16_400, 0, null]], concurrency: 1 },
    witness: { task: 'witness' },
    contents: {
      ...{ task: 'contents', ...both, boundary, cut, systemIdentifier: '1', until: '0/1' },
      tables: [{ oid: 16_400, strategy: 'tid', changedIn: [[0, 1]] }],
    },
    assertions: { task: 'assertions', copy: both.copy, assertions: [{ name: 'a', sql: 'select true' }] },
    fault: { task: 'fault', ...both, kind: 'row-deleted' },
  }
}

/** How many statements are tried, and how many are passed over: a look at every catalog takes long. */
const TASKS: readonly (readonly [TaskName, number, number?])[] = [
  ['canaries', 3],
  ['mark', 4],
  ['open', 12],
  ['quarantine', 20],
  ['identify', 12],
  ['cut', 12],
  ['structure', 70, 9],
  ['plan', 20],
  ['compare', 30],
  ['assertions', 10],
  ['fault', 20],
]

describe.each(TASKS)('the task %s', (task, most, step = 1) => {
  test.each(['22P02', 'XX001', '42501', '41111'])(
    'says nothing of what a server said, whichever of its statements fails with %s',
    async code => {
      const request = requests()[task]
      if (request.task === 'compare') {
        const { oid } = await copy.one<{ oid: number }>(`select 'public.orders'::regclass::oid::int4 as oid`)
        Object.assign(request, { batch: [[oid, 0, null]] })
      }
      const { primary, copy: other } = sidesOf(lab.primary, copy)
      let hits = 0
      for (let at = 1; at <= most; at += step) {
        const trap: Trap = { at, hit: false, code }
        const sides: Sides = { primary: primary && sideOf(primary, trap), copy: other && sideOf(other, trap) }
        expect(await said(() => examine(request, sides))).not.toMatch(SPOKEN)
        hits += Number(trap.hit)
        if (!trap.hit) break
      }
      expect(hits).toBeGreaterThan(0)
      expect(spoken.join('\n')).not.toMatch(SPOKEN)
    },
    60_000,
  )
})

test('neither the roll-forward nor the workload say what a server said', async () => {
  const archive = { s3: undefined as never, bucket: '' }
  const boundary = { nextXid: '100000', exact: true, timeline: 2 }
  const request = { task: 'apply' as const, copy: copy.endpoint, systemIdentifier: '1', boundary }
  const works: ((client: pg.Client) => Promise<unknown>)[] = [
    fingerprint,
    client => compareWith(client, { tables: [digest], incomplete: [], outside: [] }),
    client =>
      rollForward({
        ...{ client, writer: client, schema: client, archive },
        request: { ...request, target: { kind: 'latest' } },
      }),
    client => watchWorkload(client, async () => {}),
  ]
  for (const work of works)
    for (let at = 1; at <= 30; at += 1) {
      const trap: Trap = { at, hit: false, code: '22P02' }
      const client = trapped(await copy.connect('rdsadmin'), trap)
      expect(await said(() => work(client))).not.toMatch(SPOKEN)
      await client.end()
      if (!trap.hit) break
    }
})
const digest = { table: 'public.orders', rows: '10', sum0: '1', sum1: '1' }

test('a server’s error is said by its code and what that means', async () => {
  const client = await lab.primary.connect('rdsadmin')
  try {
    const error = await client
      .query(`select (select string_agg(card, ',') from public.orders)::int`)
      .catch(cause => new Error('asking failed', { cause }))
    expect(sentence(error)).toBe(
      'asking failed (caused by: SQLSTATE 22P02: a text is no value of the type that it was cast to)',
    )
  } finally {
    await client.end()
  }
})

// RAISE takes any five characters: half a password in two assertions.
test.each([
  ['41111', 'an SQLSTATE that is not PostgreSQL’s own'],
  ['22Z9X', 'SQLSTATE of class 22: data'],
  ['hunter2', 'the server said no SQLSTATE'],
  [undefined, 'the server said no SQLSTATE'],
])('a code %p that somebody made up is not repeated', (code, words) => {
  expect(saidOfState(code)).toBe(words)
})

test('what a driver cannot read is not quoted', async () => {
  const answer = await said(async () => JSON.parse(`${SECRET} is no JSON`))
  expect(answer).toContain('an answer could not be read')
  expect(answer).not.toMatch(SPOKEN)
})
