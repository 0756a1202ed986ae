import { expect, test } from '@jest/globals'
import { sayDuration, sayShare } from '../../../../lambdas/restore-drill/report/figure.ts'
import { renderReport } from '../../../../lambdas/restore-drill/report/render.ts'
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
