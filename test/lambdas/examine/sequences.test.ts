import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { marked } from '../../../bench/examination.ts'
import { type Lab, openLab, type Server } from '../../../bench/lab.ts'
import { checkSequences } from '../../../lambdas/examine/sequences.ts'

const BEFORE = `
create sequence public.text_seq;
create table public.texts (code text primary key default 'T-' || nextval('public.text_seq'));
insert into public.texts select from generate_series(1, 100);
create sequence public.numeric_seq;
create table public.numerics (id numeric primary key default nextval('public.numeric_seq'));
insert into public.numerics select from generate_series(1, 100);
create sequence public.owned_seq;
create table public.owned (code text default 'O-' || lpad(nextval('public.owned_seq')::text, 6, '0'));
alter sequence public.owned_seq owned by public.owned.code;
insert into public.owned select from generate_series(1, 100);
create table public.ids (id bigint generated always as identity primary key, n int);
insert into public.ids (n) select g from generate_series(1, 100) g;
create sequence public.falling_seq increment -5 start -1 minvalue -100000 maxvalue -1;
create table public.falling (code text default 'F' || nextval('public.falling_seq'));
insert into public.falling select from generate_series(1, 100);
create function public.wrapped(n bigint) returns text immutable language sql return 'W' || n;
create sequence public.wrapped_seq;
create table public.wrapped (code text default public.wrapped(nextval('public.wrapped_seq')));
create sequence public.cached_seq cache 50;
create sequence public."Odd ""name""" ;
create table public.odd (code text default 'X' || nextval('public."Odd ""name"""'));
insert into public.odd select from generate_series(1, 10);
create sequence public.free_seq;
create sequence public.cycling_seq maxvalue 50 cycle;
select nextval('public.free_seq') from generate_series(1, 100);
select nextval('public.cached_seq') from generate_series(1, 100);
create table public.restarted (id int generated always as identity);
insert into public.restarted select from generate_series(1, 500);
create table public.set_back (id int generated always as identity);
insert into public.set_back select from generate_series(1, 500)`

describe.each([18, 17] as const)('the sequences of a copy, on PostgreSQL %i', version => {
  let lab: Lab
  let copy: Server

  beforeAll(async () => {
    lab = await openLab(version, { autovacuum: 'off' })
    await lab.primary.run(BEFORE)
    const backup = await lab.backup()
    await lab.beat()
    await marked(lab.primary)
    copy = await lab.restore(backup)
  }, 120_000)
  afterAll(() => lab?.close())

  async function look() {
    const [mine, theirs] = [
      await copy.connect('holdfast_examine'),
      await lab.primary.connect('holdfast_examine'),
    ]
    try {
      for (const client of [mine, theirs]) await client.query('set search_path = pg_catalog')
      return await checkSequences(mine, theirs)
    } finally {
      await mine.end()
      await theirs.end()
    }
  }

  /** What is found after this was done to the copy; the sequence is put back where it was. */
  async function setTo(sequence: string, value: string, isCalled = true) {
    const { last } = await copy.one<{ last: string }>(`select last_value::text as last from ${sequence}`)
    await copy.run(`select setval('${sequence}', ${value}, ${isCalled})`)
    const [found] = await look()
    await copy.run(`select setval('${sequence}', ${last})`)
    return found
  }

  test('are sound as recovery left them', async () => {
    const [found, ...more] = await look()
    expect(found).toMatchObject({ verdict: 'pass' })
    expect(more).toEqual([])
  })

  // Naive: looking at columns of whole numbers alone, and casting what an owned one holds to a number.
  test.each([
    ['public.text_seq', '1'],
    ['public.text_seq', '99'],
    ['public.numeric_seq', '1'],
    ['public.owned_seq', '50'],
    ['public.ids_id_seq', '1'],
    ['public.falling_seq', '-6'],
    ['public."Odd ""name"""', '9'],
  ])('%s at %s would give out what its column holds', async (sequence, value) => {
    expect(await setTo(sequence, value)).toMatchObject({
      verdict: 'fail',
      detail: expect.stringMatching(/^sequences behind their column: public/),
    })
  })

  // Naive: asking only whether a sequence lies behind.
  test.each([
    ['public.ids_id_seq', '9223372036854775807', true],
    ['public.ids_id_seq', '9223372036854775807', false],
    ['public.text_seq', '134', true],
    ['public.free_seq', '100000', true],
    ['public.wrapped_seq', '100000', true],
    ['public.cached_seq', '184', true],
    ['public.falling_seq', '-99991', true],
  ])('%s at %s is further than the primary could have brought it', async (sequence, value, isCalled) => {
    expect(await setTo(sequence, value, isCalled)).toMatchObject({
      verdict: 'unknown',
      detail: expect.stringMatching(/^sequences further than the primary could have brought them, .* at /),
    })
  })

  test.each([
    ['public.text_seq', '100'],
    ['public.text_seq', '133'],
    ['public.free_seq', '133'],
    ['public.cached_seq', '182'],
    ['public.cycling_seq', '50'],
  ])('%s at %s is where a recovery may leave it', async (sequence, value) => {
    expect(await setTo(sequence, value)).toMatchObject({ verdict: 'pass' })
  })

  test('one that was started anew, set back or moved on by the primary since is no fault', async () => {
    await lab.primary.run(`
      truncate public.restarted restart identity;
      select setval('public.set_back_id_seq', 1);
      select nextval('public.text_seq') from generate_series(1, 1000);
      alter sequence public.numeric_seq increment 10`)
    expect(await look()).toMatchObject([{ verdict: 'pass' }])
  })

  test('one that feeds no column and has moved on since is named as unproven', async () => {
    await lab.primary.run(`select nextval('public.free_seq') from generate_series(1, 1000)`)
    expect(await look()).toMatchObject([
      { verdict: 'pass' },
      {
        verdict: 'skipped',
        detail: expect.stringMatching(/^1 sequences feed no column .*: public\.free_seq$/),
      },
    ])
  })
})
