import { expect, test } from '@jest/globals'
import { ask, young } from '../../../lambdas/backup-verification/ask.ts'
import { judgeKey } from '../../../lambdas/backup-verification/instances.ts'
import { parseExpectations } from '../../../lambdas/backup-verification/request.ts'

const NOW = Date.parse('2026-11-20T14:00:00Z')

test.each([
  ['2026-11-20T13:59:00Z', 'pass', 'it is 60 s old, at most 120 s'],
  ['2026-11-20T13:58:00Z', 'pass', 'it is 120 s old, at most 120 s'],
  ['2026-11-20T13:57:59Z', 'fail', 'it is 121 s old, more than 120 s'],
  ['2026-11-20T14:02:00Z', 'fail', 'it lies 120 s in the future'],
])('what happened at %s is a %s', (at, verdict, detail) => {
  expect(young('it', new Date(at), 120, NOW)).toMatchObject({ verdict, detail })
})

test('a time that nobody told is unknown', () => {
  expect(young('it', undefined, 120, NOW)).toMatchObject({ verdict: 'unknown' })
})

test('a question that throws is unknown and carries the sentence', async () => {
  const check = await ask('us-east-1', {
    name: 'bucket.locked',
    subject: 'shop',
    asked: 's3:GetBucketObjectLockConfiguration',
    find: () => {
      throw new Error('Access Denied')
    },
  })
  expect(check).toMatchObject({
    verdict: 'unknown',
    detail: 'no answer: Error: Access Denied',
    region: 'us-east-1',
  })
})

test.each([
  [true, 'ours', 'pass'],
  [true, 'theirs', 'fail'],
  [true, undefined, 'unknown'],
  [false, 'ours', 'fail'],
  [undefined, 'ours', 'fail'],
] as const)('encrypted %s with %s is a %s', (encrypted, key, verdict) => {
  expect(judgeKey('it', encrypted, key, 'ours').verdict).toBe(verdict)
})

test('expectations that nobody wrote are refused', () => {
  expect(() => parseExpectations({ regions: [] })).toThrow('regions: ')
  expect(() => parseExpectations({ regions: [{ region: 'x', key: 'k', instance: [] }] })).toThrow('instance')
})
