import type { EvidenceStage } from '../runtime/evidence/record.ts'
import type { Check } from '../runtime/verdict.ts'
import type { DrillRequest } from './request.ts'

const of = (stage: string, names: string): string[] => names.split(' ').map(name => `${stage}.${name}`)

/** Questions that every drill must have an answer to before it may pass. Those of one that was cut short are missing. */
const NEEDED: readonly string[] = [
  ...['mark.heartbeat', 'plan.encrypted', 'plan.backup', 'hold.cannot-expire'],
  ...of('restore', 'available subnet-group security-groups parameter-group class public deletion-protection'),
  ...of('restore', 'retention iam-login encrypted drill-tag expiry-tag'),
  'open.boundary',
  ...of('quarantine', 'silenced workers subscriptions slots foreign-servers event-triggers strangers cron'),
  ...of('identify', 'system-identifier version writable timeline instance asked-time'),
  'cut.heartbeat',
  ...of('structure', 'schema valid flags sequences collations settings amcheck checksums'),
  ...of('compare', 'plan own-writes tables complete'),
  'databases.listed',
]

/** Those to which "not asked, and why" is an answer: elsewhere a skipped check has proven nothing. */
const MAY_BE_SKIPPED = /^(quarantine\.|structure\.checksums$|compare\.own-writes$)/

/**
 * Whether everything was asked that a proof consists of. The verdict over the checks alone would not miss one that never
 * came: a stage that was left out, an answer that lost a part.
 * @param rollForward true where an archive exists and the copy is to be rolled forward
 */
export function proofCheck(
  request: DrillRequest,
  stages: readonly EvidenceStage[],
  rollForward: boolean,
): Check {
  const checks = stages.flatMap(stage => stage.checks)
  const answered = new Set(
    checks.filter(one => one.verdict !== 'skipped' || MAY_BE_SKIPPED.test(one.name)).map(one => one.name),
  )
  const sentinels = checks.some(check => check.name === 'canaries.planted')
  const needed = [
    ...NEEDED,
    // A moment in the past has heartbeats around it in place of sentinels.
    ...(sentinels ? ['identify.canaries'] : []),
    ...(request.warm ?? []).map((_, at) => `open.warm.${at + 1}`),
    ...request.assertions.map(({ name }) => `assertion.${name}`),
    ...(rollForward
      ? [...of('contents', 'read proven'), ...of('roll-forward', 'applied identical rpo')]
      : []),
  ]
  const missing = needed.filter(name => !answered.has(name))
  return {
    name: 'objective.complete',
    verdict: missing.length === 0 ? 'pass' : 'unknown',
    detail:
      missing.length === 0
        ? `all ${needed.length} questions that a proof needs were answered`
        : `${missing.length} of ${needed.length} questions that a proof needs were not answered: ${missing.join(', ')}`,
  }
}
