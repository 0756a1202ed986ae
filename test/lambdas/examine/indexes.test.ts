import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { halveLeaves } from '../../../bench/flip-byte.ts'
import { type Lab, openLab, type Server } from '../../../bench/lab.ts'
import { runAmcheck } from '../../../lambdas/examine/amcheck.ts'

const BEFORE = `
create extension btree_gist;
create extension pg_trgm;
create table public.booking (room int, during int4range, exclude using gist (room with =, during with &&));
insert into public.booking select g % 10, int4range(g * 10, g * 10 + 5) from generate_series(1, 2000) g;
create table public.docs (id int, tags int[], n int, at point, net inet, words tsvector, body text, span int4range, place point);
insert into public.docs select g, array[g, g % 50], g, point(g, g), ('10.0.' || g / 256 || '.' || g % 256)::inet, to_tsvector('simple', 'word' || g || ' it''s'), 'text ' || g, int4range(g, g + 3), point(g, g)
from generate_series(1, 3000) g;
insert into public.docs default values;
create index docs_gin on public.docs using gin (tags) with (fastupdate = off);
create index docs_words on public.docs using gin (words);
create index docs_trigram on public.docs using gin (body gin_trgm_ops);
create index docs_hash on public.docs using hash (n);
create index docs_partial on public.docs using hash (body) where n > 100;
create index docs_brin on public.docs using brin (n) with (pages_per_range = 1);
create index docs_gist on public.docs using gist (at);
create index docs_span on public.docs using gist (span);
create index docs_text on public.docs using gist (words);
create index docs_lower on public.docs using gist (lower(body) gist_trgm_ops);
create index docs_spgist on public.docs using spgist (net);
create index docs_quad on public.docs using spgist (place);
create function public.own(int) returns int immutable language sql return $1 + 1;
create index docs_own on public.docs using hash (public.own(n));
vacuum analyze public.docs;
vacuum analyze public.booking;
`

describe.each([18, 17] as const)('indexes that amcheck does not know, on PostgreSQL %i', version => {
  let lab: Lab
  let copy: Server

  beforeAll(async () => {
    lab = await openLab(version, { autovacuum: 'off' })
    for (const statement of BEFORE.split(';\n').filter(one => one.trim() !== ''))
      await lab.primary.run(statement)
    const backup = await lab.backup()
    copy = await lab.restore(backup)
  }, 120_000)
  afterAll(() => lab?.close())

  async function look() {
    const client = await copy.connect('holdfast_examine')
    try {
      await client.query('set search_path = pg_catalog')
      return (await runAmcheck(client, '0', Date.now() + 600_000)).checks
    } finally {
      await client.end()
    }
  }

  test('find the rows of their tables where nothing is lost, and what could not be asked is named', async () => {
    const checks = await look()
    expect(checks.filter(check => check.verdict === 'fail')).toEqual([])
    // Where two indexes lead to the same rows, the planner's estimates decide which one can be asked.
    const counts = version === 18 ? /; 10 of .*; 1 are not/ : /; 1[012] of .*; [234] are not/
    expect(checks[0]?.detail).toMatch(counts)
    expect(checks[0]?.detail).toMatch(
      /of these indexes found the rows that were looked up, 1 of them by a sample of their rows; \d are not proven/,
    )
    const unproven = checks.find(check => check.name === 'structure.amcheck.unproven')
    expect(unproven?.verdict).toBe('skipped')
    expect(unproven?.detail).toContain("public.docs_own (hash): a user's function is part of it")
  })

  // Naive: reading every page for its checksum, which says nothing of entries that are gone.
  test('that lost half of their entries are damaged', async () => {
    const damaged = [
      ['booking_room_during_excl', 'gist'],
      ['docs_gist', 'gist'],
      ['docs_text', 'gist'],
      ['docs_hash', 'hash'],
      ['docs_partial', 'hash'],
      ['docs_gin', 'gin'],
    ] as const
    for (const [index, method] of damaged) {
      await halveLeaves(lab, copy, `public.${index}`, method)
      copy = await lab.startAgain(copy, { ignore_checksum_failure: true })
    }
    const checks = await look()
    const names = checks.filter(check => check.verdict === 'fail').map(check => check.name)
    for (const [index] of damaged) expect(names).toContain(`structure.amcheck.public.${index}`)
    expect(names).not.toContain('structure.amcheck.public.docs_span')
    const gist = checks.find(check => check.name === 'structure.amcheck.public.docs_gist')
    expect(gist?.detail).toMatch(/: \d+ of 3000 rows that were looked up are not found through it$/)
  })

  test('of an exclusion constraint that two rows break are damaged', async () => {
    await copy.run(`reindex table public.booking`)
    await copy.run(`
      update pg_constraint set conexclop = null where conname = 'booking_room_during_excl';
      update pg_index set indisexclusion = false where indexrelid = 'public.booking_room_during_excl'::regclass`)
    await copy.run(`insert into public.booking values (5, int4range(52, 53))`)
    await copy.run(`
      update pg_constraint set conexclop = '{96,3888}' where conname = 'booking_room_during_excl';
      update pg_index set indisexclusion = true where indexrelid = 'public.booking_room_during_excl'::regclass`)
    const found = (await look()).find(
      check => check.name === 'structure.amcheck.public.booking_room_during_excl',
    )
    expect(found?.detail).toMatch(/2 rows are there beside one that they exclude$/)
  })
})
