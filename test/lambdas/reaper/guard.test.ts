import { expect, test } from '@jest/globals'
import { type Candidate, judgeCandidate, judgeProving } from '../../../lambdas/reaper/guard.ts'

const NOW = Date.parse('2026-11-20T14:00:00Z')
const PRODUCTION = ['shop-prod', 'shop-prod-standby']

const copy = (over: Partial<Candidate> = {}): Candidate => ({
  instance: 'drill-shop-prod-0123456789',
  identifier: 'drill-shop-prod-0123456789',
  tags: {
    'holdfast:environment': 'shop-prod',
    'holdfast:drill': '0123456789',
    'holdfast:expires': '2026-11-20T13:00:00Z',
  },
  madeAt: NOW - 3_600_000,
  ...over,
})
const judge = (candidate: Candidate, production = PRODUCTION) =>
  judgeCandidate(candidate, 'shop-prod', production, NOW)

test('an expired copy of a drill is reaped', () => {
  expect(judge(copy())).toEqual({ reap: true, why: 'expired 3600 s ago' })
})

const { tags } = copy()
test.each<[string, Candidate, string]>([
  ['production with every drill tag', copy({ instance: 'shop-prod' }), 'shop-prod is production'],
  [
    'the standby with every drill tag',
    copy({ instance: 'shop-prod-standby' }),
    'shop-prod-standby is production',
  ],
  [
    'a replica with every drill tag',
    copy({ instance: 'shop-prod-read-1' }),
    'is not called drill-shop-prod-',
  ],
  [
    'a drill of another environment',
    copy({ instance: 'drill-shop-dev-0123456789' }),
    'is not called drill-shop-prod-',
  ],
  [
    'an environment whose name begins like ours',
    copy({ instance: 'drill-shop-prod2-0123456789' }),
    'is not called drill-shop-prod-',
  ],
  [
    'a longer environment name',
    copy({ instance: 'drill-shop-prod-eu-0123456789' }),
    'is not the copy of the drill',
  ],
  [
    'the old copy of an environment whose name goes on from ours',
    copy({
      instance: 'drill-shop-prod-eu-0123456789',
      tags: { ...tags, 'holdfast:environment': 'shop-prod-eu' },
      madeAt: NOW - 100 * 3_600_000,
    }),
    'belongs to shop-prod-eu, not to shop-prod',
  ],
  [
    'a name that only contains the prefix',
    copy({ instance: 'my-drill-shop-prod-0123456789' }),
    'is not called drill-shop-prod-',
  ],
  [
    'a drill name in capitals',
    copy({ instance: 'DRILL-shop-prod-0123456789' }),
    'is not called drill-shop-prod-',
  ],
  ['a drill name without a tag', copy({ tags: {} }), 'carries no tag holdfast:drill'],
  ['an empty drill tag', copy({ tags: { ...tags, 'holdfast:drill': '' } }), 'carries no tag holdfast:drill'],
  [
    'the tag of another drill',
    copy({ tags: { ...tags, 'holdfast:drill': 'ffffffffff' } }),
    'is not the copy of the drill ffffffffff',
  ],
  [
    'no expiry',
    copy({ tags: { ...tags, 'holdfast:expires': '' } }),
    'says in holdfast:expires what no drill writes, ',
  ],
  [
    'an unreadable expiry',
    copy({ tags: { ...tags, 'holdfast:expires': 'soon' } }),
    'says in holdfast:expires what no drill writes, soon',
  ],
  [
    'a copy that expires in a second',
    copy({ tags: { ...tags, 'holdfast:expires': '2026-11-20T14:00:01Z' } }),
    'expires in 1 s',
  ],
  [
    'an expiry that no drill writes',
    copy({ tags: { ...tags, 'holdfast:expires': '2027-11-20T14:00:00Z' } }),
    'says in holdfast:expires what no drill writes, 2027-11-20T14:00:00Z',
  ],
])('%s is left alone', (_what, candidate, why) => {
  const ruling = judge(candidate)
  expect(ruling.reap).toBe(false)
  expect(ruling.why).toContain(why)
})

test('production that is called like a copy is left alone', () => {
  expect(judge(copy(), [...PRODUCTION, 'drill-shop-prod-0123456789'])).toMatchObject({ reap: false })
})

test.each([
  ['no expiry', { 'holdfast:expires': '' }],
  ['an unreadable expiry', { 'holdfast:expires': 'soon' }],
  ['an expiry that no drill writes', { 'holdfast:expires': '2099-01-01T00:00:00Z' }],
  ['an expiry that is moved on and on', { 'holdfast:expires': '2026-11-20T15:00:00Z' }],
  ['the tag of another drill', { 'holdfast:drill': 'x' }],
])('a copy with %s is reaped once no drill can be using it', (_what, over) => {
  const old = (seconds: number) => copy({ tags: { ...tags, ...over }, madeAt: NOW - seconds * 1_000 })
  expect(judge(old(90_000))).toMatchObject({ reap: false })
  expect(judge(old(90_001))).toEqual({
    reap: true,
    why: '90001 s old, and no drill lasts longer than 90000 s',
  })
})

test('what a restore is proving is kept, and said when nobody has named or deleted it for a day', () => {
  const proving = (hours: number) =>
    judgeProving(copy({ instance: 'drill-proving-shop-prod-again', madeAt: NOW - hours * 3_600_000 }), NOW)
  expect(proving(24)).toEqual({
    outcome: 'kept',
    why: 'a restore is proving drill-proving-shop-prod-again',
  })
  expect(proving(26)).toMatchObject({ outcome: 'forgotten' })
})
