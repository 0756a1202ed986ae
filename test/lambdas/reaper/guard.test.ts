import { expect, test } from '@jest/globals'
import { type Candidate, judgeCandidate } from '../../../lambdas/reaper/guard.ts'

const NOW = Date.parse('2026-11-20T14:00:00Z')
const PRODUCTION = ['shop-prod', 'shop-prod-standby']

const copy = (over: Partial<Candidate> = {}): Candidate => ({
  instance: 'drill-shop-prod-0123456789',
  identifier: 'drill-shop-prod-0123456789',
  tags: { 'holdfast:drill': '0123456789', 'holdfast:expires': '2026-11-20T13:00:00Z' },
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
    copy({ tags: { 'holdfast:drill': '0123456789' } }),
    'says no time in holdfast:expires: absent',
  ],
  [
    'an unreadable expiry',
    copy({ tags: { ...tags, 'holdfast:expires': 'soon' } }),
    'says no time in holdfast:expires: soon',
  ],
  [
    'a copy that expires in a second',
    copy({ tags: { ...tags, 'holdfast:expires': '2026-11-20T14:00:01Z' } }),
    'expires in 1 s',
  ],
  [
    'an expiry that no drill writes',
    copy({ tags: { ...tags, 'holdfast:expires': '2027-11-20T14:00:00Z' } }),
    'expires in 365 days',
  ],
])('%s is left alone', (_what, candidate, why) => {
  const ruling = judge(candidate)
  expect(ruling.reap).toBe(false)
  expect(ruling.why).toContain(why)
})

test('production that is called like a copy is left alone', () => {
  expect(judge(copy(), [...PRODUCTION, 'drill-shop-prod-0123456789'])).toMatchObject({ reap: false })
})
