import { readFileSync } from 'node:fs'
import { expect, test } from '@jest/globals'
import { dev } from '../../../config/dev.ts'
import { parseConfig } from '../../../config/parse.ts'
import { prod } from '../../../config/prod.ts'
import { staging } from '../../../config/staging.ts'
import { catalogue } from '../../../lib/alarms/catalogue.ts'
import type { AlarmRow } from '../../../lib/alarms/row.ts'
import { anchorOf, articleFacts, writeFacts } from '../../../lib/alarms/runbook.ts'

const environments = { dev: parseConfig(dev), staging: parseConfig(staging), prod: parseConfig(prod) }
const rows = (name: keyof typeof environments) => Object.values(catalogue(environments[name])).flat()
const runbook = readFileSync('docs/runbook.md', 'utf8')
const articles = runbook.split(/^# Procedures$/m)[0] ?? ''

const find = (id: string): AlarmRow => {
  const row = rows('prod').find(candidate => candidate.id === id)
  if (!row) throw new Error(`no row ${id}`)
  return row
}

test.each(['dev', 'staging', 'prod'] as const)(
  '%s names each alarm once, with a derivation, a cause that exists and no cycle',
  name => {
    const all = rows(name)
    const byId = new Map(all.map(row => [row.id, row]))
    expect(byId.size).toBe(all.length)
    const reaches = (from: AlarmRow, seen: string[]): boolean =>
      from.causes.some(
        cause => seen.includes(cause) || reaches(byId.get(cause) as AlarmRow, [...seen, cause]),
      )
    for (const row of all) {
      expect(row.derivation.length).toBeGreaterThan(10)
      expect(row.causes.filter(cause => !byId.has(cause))).toEqual([])
      expect(reaches(row, [row.id])).toBe(false)
      expect(row.datapoints).toBeLessThanOrEqual(row.outOf)
      // CloudWatch looks back a day at most, or a week where a datapoint is an hour or longer.
      expect(row.period * row.outOf).toBeLessThanOrEqual(row.period >= 3_600 ? 604_800 : 86_400)
    }
  },
)

// What the mission asks for, as literals: a change here is a change of a promise.
test.each([
  ['replica-lag-read-1', 'page', 'above', 10, 'seconds'],
  ['replica-lag-standby', 'page', 'above', 10, 'seconds'],
  ['replica-lag-notable-read-1', 'warn', 'above', 1, 'seconds'],
  ['pool-exhausted', 'page', 'above', 95, 'percent'],
  ['pool-busy', 'warn', 'above', 80, 'percent'],
  ['pool-borrow-slow', 'warn', 'above', 10_000, 'microseconds'],
  ['disk', 'page', 'below', 21_474_836_480, 'bytes'],
  ['disk-low', 'warn', 'below', 42_949_672_960, 'bytes'],
  ['backups-failed', 'page', 'above', 0, 'count'],
  ['queries-slow', 'warn', 'above', 1_000, 'milliseconds'],
  ['queries-slow-on-average', 'warn', 'above', 100, 'milliseconds'],
  ['cache-misses', 'warn', 'below', 70, 'percent'],
  ['cache-hits-low', 'warn', 'below', 90, 'percent'],
  ['cpu-high', 'warn', 'above', 70, 'percent'],
  ['read-latency-scale', 'warn', 'above', 0.1, 'seconds'],
  ['connections', 'page', 'above', 2_919, 'count'],
  ['connections-high', 'warn', 'above', 2_595, 'count'],
  ['cpu', 'page', 'above', 90, 'percent'],
  ['load', 'warn', 'above', 4, 'sessions'],
  ['memory-low', 'warn', 'below', 8_589_934_592, 'bytes'],
  ['wraparound', 'page', 'above', 1_000_000_000, 'transactions'],
  ['slot', 'page', 'above', 25_769_803_776, 'bytes'],
  ['pager-unreached', 'warn', 'above', 0, 'count'],
  ['drill-rpo-bad-write', 'page', 'above', 300, 'seconds'],
  ['drill-rto-bad-write', 'page', 'above', 3_600, 'seconds'],
  ['drill-overdue-bad-write', 'page', 'above', 907_200, 'seconds'],
] as const)('%s: %s %s %d %s in prod', (id, severity, bad, threshold, unit) => {
  expect(find(id)).toMatchObject({ severity, bad, threshold, unit })
})

test('what runs out is watched by its minimum, what fills up by its maximum', () => {
  const statistics = (name: string) =>
    rows('prod').flatMap(({ signal }) =>
      signal.kind === 'metric' && signal.metric.name === name ? [signal.metric.statistic] : [],
    )
  for (const name of ['FreeStorageSpace', 'FreeableMemory', 'EBSIOBalance%'])
    expect(new Set(statistics(name))).toEqual(new Set(['Minimum']))
  for (const name of ['DatabaseConnections', 'ReplicaLag', 'OldestReplicationSlotLag'])
    expect(new Set(statistics(name))).toEqual(new Set(['Maximum']))
})

test('the silence of heartbeat, archiver, verification and drill rings, and the drill is seen from the other region', () => {
  const silent = rows('prod')
    .filter(row => row.missing === 'breaching' && row.severity === 'page')
    .map(row => row.id)
  expect(silent).toEqual(
    expect.arrayContaining([
      'heartbeat',
      'archive-behind',
      'archive-stale',
      'backups-unverified',
      'archive-unverified',
      'drill-overdue-bad-write',
    ]),
  )
  expect(find('drill-overdue-bad-write-seen-from-afar')).toMatchObject({
    region: 'standby',
    missing: 'breaching',
  })
})

test('every alarm has its article and every article an alarm', () => {
  const own = articleFacts(environments.prod, [{ verb: 'reaper', timeout: 300 }])
  const all = [...own, ...rows('dev'), ...rows('staging')]
  const headings = [...articles.matchAll(/^## (.+)$/gm)].map(match => anchorOf(match[1] ?? ''))
  expect([...new Set(all.map(row => row.article))].sort()).toEqual(headings.sort())
})

test('every article has its four parts in order', () => {
  for (const article of articles.split(/(?=^## )/m).slice(1))
    expect([...article.matchAll(/^### (.+)$/gm)].map(match => match[1])).toEqual([
      'What it means',
      'Look here first',
      'Do this',
      'When it is over',
    ])
})

test('the bounds in the runbook are those of the catalogue, and prose holds no other number', () => {
  expect(writeFacts(runbook, articleFacts(environments.prod, [{ verb: 'migrate', timeout: 900 }]))).toBe(
    runbook,
  )
  const prose = runbook
    .replaceAll(/<!-- facts -->[\s\S]*?<!-- \/facts -->/g, '')
    .replaceAll(/```[\s\S]*?```/g, '')
    .replaceAll(/`[^`]*`/g, '')
  // p95 and S3 are names.
  expect(prose.replaceAll(/p95|\bS3\b/g, '').match(/.*\d.*/g) ?? []).toEqual([])
})

test('every link inside the runbook leads somewhere', () => {
  const anchors = [...runbook.matchAll(/^#+ (.+)$/gm)].map(match => anchorOf(match[1] ?? ''))
  const links = [...runbook.matchAll(/\]\(#([^)]+)\)/g)].map(match => match[1])
  expect(links.filter(link => !anchors.includes(link ?? ''))).toEqual([])
})
