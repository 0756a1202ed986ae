import { expect, test } from '@jest/globals'
import { chooseMoment, iso, restoreDeadline } from '../../../lambdas/restore-drill/target.ts'

const WINDOW = {
  earliest: Date.parse('2026-11-10T00:00:00.400Z'),
  latest: Date.parse('2026-11-20T14:04:00.900Z'),
}
const at = (target: Parameters<typeof chooseMoment>[0], draw = 0.5) => {
  const chosen = chooseMoment(target, WINDOW, 3_600, draw)
  return chosen === null ? null : iso(chosen)
}

test('latest is the newest whole second that can be restored', () => {
  expect(at({ kind: 'latest' })).toBe('2026-11-20T14:04:00Z')
})

test('random stays inside the window and away from its old end', () => {
  expect(at({ kind: 'random' }, 0)).toBe('2026-11-10T01:00:01Z')
  expect(at({ kind: 'random' }, 0.999999999)).toBe('2026-11-20T14:04:00Z')
})

test('random takes a window of one second', () => {
  const one = { earliest: WINDOW.latest, latest: WINDOW.latest + 1_000 }
  expect(iso(chooseMoment({ kind: 'random' }, one, 3_600, 0.99) ?? 0)).toBe('2026-11-20T14:04:01Z')
})

test('a time loses its fraction and its zone', () => {
  expect(at({ kind: 'time', at: '2026-11-20T15:03:59.900+01:00' })).toBe('2026-11-20T14:03:59Z')
})

test('a time just ahead is waited for, one far ahead is refused', () => {
  expect(at({ kind: 'time', at: '2026-11-20T14:19:00Z' })).toBe('2026-11-20T14:19:00Z')
  expect(() => at({ kind: 'time', at: '2026-11-20T14:19:01Z' })).toThrow('check the time zone')
})

test('a time before the window is refused with the window', () => {
  expect(() => at({ kind: 'time', at: '2026-11-10T00:00:00Z' })).toThrow(
    '2026-11-10T00:00:00Z lies before the restorable window 2026-11-10T00:00:01Z to 2026-11-20T14:04:00Z',
  )
})

test('a source without a window is refused', () => {
  expect(() => chooseMoment({ kind: 'latest' }, null, 1, 0)).toThrow('no restorable window')
})

test('a window that has only just begun is refused, not undercut', () => {
  const young = {
    earliest: Date.parse('2026-11-20T14:04:00.300Z'),
    latest: Date.parse('2026-11-20T14:04:00.900Z'),
  }
  for (const target of [{ kind: 'latest' }, { kind: 'random' }] as const)
    expect(() => chooseMoment(target, young, 1, 0)).toThrow(
      'the restorable window holds no whole second yet: it begins at 2026-11-20T14:04:00.300Z and ends at 2026-11-20T14:04:00.900Z',
    )
  const ahead = { kind: 'time', at: '2026-11-20T14:04:01Z' } as const
  expect(iso(chooseMoment(ahead, young, 1, 0) ?? 0)).toBe('2026-11-20T14:04:01Z')
})

test('a snapshot and a marked moment have no moment of their own', () => {
  expect(at({ kind: 'snapshot', identifier: 'x' })).toBeNull()
  expect(at({ kind: 'now' })).toBeNull()
})

test('a restore is stuck after three objectives, ten minutes at least and four hours at most', () => {
  expect([restoreDeadline(60), restoreDeadline(900), restoreDeadline(36_000)]).toEqual([600, 2_700, 14_400])
})

test.each([
  ['2026-11-20T03:30:00Z', '2026-11-20T03:29:00Z'],
  ['2026-11-20T03:29:30Z', '2026-11-20T03:29:00Z'],
  ['2026-11-20T03:28:59Z', '2026-11-19T03:29:00Z'],
])(
  'at %s the moment with the most log to replay was %s, a minute before the backup window',
  (now, expected) => {
    const target = { kind: 'before-backup-window', window: '03:30-04:30' } as const
    expect(iso(chooseMoment(target, WINDOW, 3_600, 0.5, Date.parse(now)) ?? 0)).toBe(expected)
  },
)

test('a moment before the backup window that no backup reaches is refused', () => {
  const target = { kind: 'before-backup-window', window: '03:30-04:30' } as const
  expect(() => chooseMoment(target, WINDOW, 3_600, 0.5, Date.parse('2026-11-10T03:00:00Z'))).toThrow(
    '2026-11-09T03:29:00Z lies before the restorable window',
  )
})
