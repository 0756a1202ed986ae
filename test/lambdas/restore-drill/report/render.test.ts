import { expect, test } from '@jest/globals'
import { sayDuration, sayShare } from '../../../../lambdas/restore-drill/report/figure.ts'
import { renderReport } from '../../../../lambdas/restore-drill/report/render.ts'
import { summaryOf } from '../../../../lambdas/restore-drill/report/summary.ts'
import { makeEvidence, makeKeys, sealWith } from '../../runtime/evidence/chain.ts'

const keys = makeKeys()
const EVIL = `"><script>alert('x')</script>&`

test('nothing from a database becomes markup', () => {
  const check = { name: EVIL, verdict: 'fail' as const, detail: EVIL, asked: EVIL, answer: { [EVIL]: EVIL } }
  const base = makeEvidence()
  const page = renderReport(
    sealWith(
      keys,
      makeEvidence({
        environment: EVIL,
        sentence: EVIL,
        execution: EVIL,
        code: EVIL,
        drill: EVIL,
        mode: EVIL,
        request: { requestedBy: EVIL, target: { kind: 'snapshot', identifier: EVIL } },
        stages: [{ ...base.stages[0]!, name: EVIL, detail: EVIL, checks: [check] }],
        tables: [
          {
            name: EVIL,
            level: EVIL,
            verdict: 'fail',
            rows: 1,
            compared: 1,
            equal: 0,
            changedSince: 0,
            lost: 1,
            corrupt: 0,
            detail: EVIL,
            digest: EVIL,
          },
        ],
        calls: [{ at: EVIL, stage: EVIL, service: EVIL, operation: EVIL, requestId: EVIL }],
        measured: { ...base.measured, clocks: { [EVIL]: 1 } },
      }),
    ),
    [],
  )
  expect(page).not.toContain('<script')
  expect(page).not.toContain(`"><`.concat('script'))
  expect(page).toContain('&lt;script&gt;')
})

test('the page fetches nothing and runs nothing', () => {
  const page = renderReport(sealWith(keys, makeEvidence()), [])
  expect(page).not.toMatch(/\s(src|href)=|@import|url\(|<script|\son\w+=/)
  expect(page).toContain(`default-src 'none'`)
})

test('the verdict stands on top in plain words', () => {
  const page = renderReport(
    sealWith(keys, makeEvidence({ verdict: 'fail', sentence: 'Not proven: 3 lost' })),
    [],
  )
  expect(page).toContain('<h1><b>Not proven</b>3 lost</h1>')
})

test('figures are said as people say them', () => {
  expect([null, 0.742, 59.94, 60, 161, 3_600, 5_400].map(sayDuration)).toEqual([
    'not measured',
    '0.74 s',
    '59.9 s',
    '1 min',
    '2 min 41 s',
    '1 h',
    '1 h 30 min',
  ])
  expect([null, 1, 0.99999].map(sayShare)).toEqual(['not measured', '100 %', '99.99 %'])
})

test('what was not looked at is listed with its reason, and a refusal tells the next step', () => {
  const base = makeEvidence()
  const [stage] = base.stages
  const page = renderReport(
    sealWith(
      keys,
      makeEvidence({
        verdict: 'unknown',
        sentence: 'Not known: plan.completed: there is no snapshot x',
        stages: [
          {
            ...stage!,
            name: 'plan',
            verdict: 'unknown',
            detail: 'there is no snapshot x\nHINT: name one that is there',
            checks: [{ name: 'structure.amcheck.skipped', verdict: 'skipped', detail: '2 gist indexes' }],
          },
          { ...stage!, name: 'assertions', verdict: 'skipped', detail: 'none are stated', checks: [] },
        ],
        tables: [
          {
            ...{ name: 'public.scratch', level: 'none', verdict: 'skipped', detail: 'an unlogged table' },
            ...{ rows: 0, compared: 0, equal: 0, changedSince: 0, lost: 0, corrupt: 0, digest: '' },
          },
        ],
      }),
    ),
    [],
  )
  const section = page.slice(page.indexOf('What was not looked at'), page.indexOf('The last drills'))
  const rows = [...section.matchAll(/<td><code>(.*?)<\/code><\/td><td>(.*?)<\/td>/g)].map(row => row.slice(1))
  expect(rows).toEqual([
    ['public.scratch', 'an unlogged table'],
    ['structure.amcheck.skipped', '2 gist indexes'],
    ['stage assertions', 'none are stated'],
  ])
  expect(page).toContain('<b>Next step</b> Name one that is there')
})

test('the last drills leave controls out and draw nothing that none of them measured', () => {
  const charts = (page: string) =>
    page.slice(page.indexOf('The last drills'), page.indexOf('Every check')).replaceAll(/<[^>]*>/g, ' ')
  const control = { requestedBy: 'a test', negativeControl: 'row-deleted' }
  const base = makeEvidence()
  const alone = renderReport(sealWith(keys, makeEvidence({ request: { ...base.request, ...control } })), [])
  expect(charts(alone)).toMatch(/The last drills\s+0\s+No drill before this control\./)
  const measured = { ...base.measured, rpoSeconds: null, rtoSeconds: null }
  const failed = renderReport(sealWith(keys, makeEvidence({ measured })), [])
  expect(charts(failed).match(/Not measured by any of them\./g)).toHaveLength(2)
  expect(charts(renderReport(sealWith(keys, base), []))).not.toContain('Not measured')
})

const red = () => {
  const [stage] = makeEvidence().stages
  const checks = [
    { name: 'structure.settings', verdict: 'unknown' as const, detail: 'nobody answered' },
    { name: 'objective.rto', verdict: 'unknown' as const, detail: 'not measured' },
    { name: 'structure.valid', verdict: 'pass' as const, detail: 'every index is valid' },
    { name: 'compare.table.public.orders', verdict: 'fail' as const, detail: '3 rows lost\nHINT: no' },
  ]
  return [{ ...stage!, verdict: 'fail' as const, checks }]
}

// Under stress nobody unfolds stages to find out what else is wrong.
test('all that is red stands before the figures, what failed first', () => {
  const page = renderReport(sealWith(keys, makeEvidence({ verdict: 'fail', stages: red() })), [])
  const section = page.slice(page.indexOf('What is wrong'), page.indexOf('Objective and measured'))
  const rows = [...section.matchAll(/chip (\w+)">.*?<code>(.*?)<\/code><\/td><td>(.*?)<\/td>/g)]
  expect(rows.map(row => row.slice(1))).toEqual([
    ['fail', 'compare.table.public.orders', '3 rows lost'],
    ['unknown', 'structure.settings', 'nobody answered'],
  ])
})

test('a drill that did not pass tells which one last did, of its own mode and no control', () => {
  const at = (sequence: number, over: Partial<Parameters<typeof makeEvidence>[0]> = {}) =>
    summaryOf(sealWith(keys, makeEvidence({ sequence, ...over })))
  const before = [
    at(1),
    at(2, { mode: 'region-loss' }),
    at(3, { verdict: 'unknown' }),
    at(4, { request: { negativeControl: 'row-deleted' } }),
  ]
  const failed = sealWith(keys, makeEvidence({ sequence: 5, verdict: 'fail' }))
  expect(renderReport(failed, before)).toContain('Drill #1 passed for bad-write on ')
  expect(renderReport(failed, before.slice(1))).toContain(
    'None of the 3 drills before this one that are shown here passed for bad-write.',
  )
})

test('a control that was noticed is no proof of the backup, and says that the damage was on purpose', () => {
  const request = { negativeControl: 'row-deleted', requestedBy: 'a test' }
  const page = renderReport(sealWith(keys, makeEvidence({ request, stages: red() })), [])
  expect(page).toContain('<h1><b>Noticed</b>')
  expect(page).toContain('damaged on purpose (row-deleted)')
  expect(page).toContain('What the drill noticed')
  expect(page).not.toContain('Last proven')
})

test('a rehearsal says that no account was asked, and a drill in AWS does not', () => {
  const page = (where: 'aws' | 'twin') => renderReport(sealWith(keys, makeEvidence({ where })), [])
  expect(page('twin')).toContain('A twin answered this drill, not AWS')
  expect(page('aws')).not.toContain('A twin answered this drill')
})
