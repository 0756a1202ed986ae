import { expect, test } from '@jest/globals'
import { decide, type Situation } from '../../../lambdas/archiver/continuity.ts'

const newest = { end: 500n, timeline: 1, publications: ['a:1', 'b:2'] }
const sound: Situation = {
  newest,
  slot: { confirmed: 500n, invalid: null },
  flushed: 900n,
  timeline: 1,
  publications: ['a:1', 'b:2'],
}

test('goes on exactly where the archive ended', () => {
  expect(decide(sound)).toEqual({ slot: 'keep', from: 500n, gap: null })
})

test('goes on at the end of the archive when the server forgot an advance', () => {
  expect(decide({ ...sound, slot: { confirmed: 300n, invalid: null } })).toEqual({
    ...{ slot: 'keep', from: 500n, gap: null },
  })
})

const gaps: [string, Partial<Situation>, string, string, bigint | null][] = [
  ['the first segment', { newest: null }, 'keep', 'archive-began', null],
  ['nothing at all yet', { newest: null, slot: null }, 'create', 'archive-began', null],
  ['no slot', { slot: null }, 'create', 'slot-missing', 500n],
  [
    'a dead slot',
    { slot: { confirmed: 500n, invalid: 'wal_removed' } },
    'drop-and-create',
    'slot-invalidated',
    500n,
  ],
  ['a slot ahead of the archive', { slot: { confirmed: 501n, invalid: null } }, 'keep', 'slot-ahead', 500n],
  [
    'another publication of the same name',
    { publications: ['a:9', 'b:2'] },
    'skip-to-now',
    'publication-missing',
    500n,
  ],
  ['another timeline', { timeline: 2 }, 'keep', 'timeline-changed', 500n],
]

test.each(gaps)('records a gap for %s', (_, change, slot, cause, start) => {
  const step = decide({ ...sound, ...change })
  expect(step.slot).toBe(slot)
  expect(step.gap?.gap.cause).toBe(cause)
  expect(step.gap?.start).toBe(start)
})

test('refuses a server that has less of the same history than the archive', () => {
  expect(() => decide({ ...sound, flushed: 499n })).toThrow(/the archive reaches 0\/1F4.*only 0\/1F3/)
})
