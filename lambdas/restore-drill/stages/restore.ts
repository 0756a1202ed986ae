import type { Endpoint } from '../../examine/request.ts'
import type { Check } from '../../runtime/verdict.ts'
import { describe, forgetPassword, type Instance, type Origin, requestRestore, USABLE } from '../copy.ts'
import { TAGS } from '../names.ts'
import type { DrillRequest } from '../request.ts'
import type { Drill } from '../setting.ts'
import type { Finding, Stage } from '../stage.ts'
import { iso } from '../target.ts'
import type { Moment } from './canaries.ts'
import { endpointOf, type Plan, refuseSecondDrill } from './plan.ts'

export type Restored = {
  readonly copy: Endpoint
  readonly instance: Instance
  /** Milliseconds since the epoch: decision, accepted by the API, available. */
  readonly clocks: { readonly t0: number; readonly t1: number; readonly t2: number }
}

// Statuses that no waiting heals.
const BROKEN = new Set([
  'failed',
  'restore-error',
  'incompatible-restore',
  'incompatible-network',
  'incompatible-parameters',
  'incompatible-option-group',
  'incompatible-credentials',
  'inaccessible-encryption-credentials',
  'inaccessible-encryption-credentials-recoverable',
  'storage-full',
  'deleting',
  'gone',
])

// A control that restores another moment than the checks will ask for goes back this far.
const WRONG_TIME_SECONDS = 10

/** Restores the copy, waits for it, takes production's password from it and proves that it got what was asked for. */
export async function restoreCopy(
  stage: Stage,
  drill: Drill,
  request: DrillRequest,
  plan: Plan,
  moment: Moment,
): Promise<Finding<Restored>> {
  const t0 = await stage.clock('decided')
  // Twice the deadline: the checks come after the restore, and the reaper must not take a copy that is in use.
  const expires = iso(t0 + 2 * plan.deadline * 1_000 + 3_600_000)
  const origin = originOf(request, plan, moment)
  await stage.once('request', `restoring ${drill.copy}`, () =>
    requestRestore(drill, origin, plan.reference, expires),
  )
  const t1 = await stage.clock('accepted')
  await stage.once('alone', 'looking for other drills', () => refuseSecondDrill(drill))
  const arrived = await waitForCopy(stage, drill, plan.deadline)
  if (arrived.broken !== null)
    return {
      value: null,
      checks: [{ name: 'restore.available', verdict: 'fail', detail: arrived.broken }],
      detail: arrived.broken,
    }
  const instance = await rotatePassword(stage, drill, arrived.instance, plan.deadline)
  const checks = configurationChecks(drill, instance, plan.reference, expires)
  const seconds = Math.round((arrived.at - t0) / 1_000)
  return {
    value: {
      copy: endpointOf(instance, drill.setting.database),
      instance,
      clocks: { t0, t1, t2: arrived.at },
    },
    checks: [
      { name: 'restore.available', verdict: 'pass', detail: `available ${seconds} s after the decision` },
      ...checks,
    ],
    detail: `${drill.copy} at ${moment.at}, available after ${seconds} s`,
  }
}

function originOf({ negativeControl }: DrillRequest, { from }: Plan, { at }: Moment): Origin {
  const wrong = negativeControl === 'wrong-time' ? iso(Date.parse(at) - WRONG_TIME_SECONDS * 1_000) : at
  if (from.kind === 'snapshot') return { kind: 'snapshot', identifier: from.id }
  if (from.kind === 'replicated') return { kind: 'replicated', arn: from.id, at: wrong }
  return { kind: 'instance', identifier: from.id, at: wrong }
}

type Arrival =
  | { readonly instance: Instance; readonly at: number; readonly broken: null }
  | { readonly broken: string }

async function waitForCopy(stage: Stage, drill: Drill, deadline: number): Promise<Arrival> {
  const waited = await stage.until('available', `waiting for ${drill.copy}`, {
    look: () => describe(drill.clients.rds, drill.copy),
    settled: found => found === null || USABLE.has(found.status) || BROKEN.has(found.status),
    forSeconds: deadline,
    everySeconds: drill.setting.pollSeconds,
  })
  const { value, settled, at, trouble } = waited
  if (!settled)
    return {
      broken: `the restore is stuck: ${drill.copy} is still ${value?.status ?? 'unseen'} after ${deadline} s${trouble === undefined ? '' : ` (${trouble})`}`,
    }
  if (value === null) return { broken: `the restore failed: ${drill.copy} is gone` }
  if (!USABLE.has(value.status)) return { broken: `the restore failed: ${drill.copy} is ${value.status}` }
  return { instance: value, at, broken: null }
}

async function rotatePassword(
  stage: Stage,
  drill: Drill,
  arrived: Instance,
  deadline: number,
): Promise<Instance> {
  const asked = await stage.until('password', `changing the master password of ${drill.copy}`, {
    look: () => forgetPassword(drill),
    settled: taken => taken,
    forSeconds: deadline,
    everySeconds: drill.setting.pollSeconds,
  })
  if (!asked.settled) throw keptPassword(drill, deadline, asked.trouble ?? 'RDS takes no change of it')
  const waited = await stage.until('password-changed', `waiting for the password of ${drill.copy}`, {
    look: () => describe(drill.clients.rds, drill.copy),
    settled: found => found !== null && USABLE.has(found.status) && !found.pendingPassword,
    forSeconds: deadline,
    everySeconds: drill.setting.pollSeconds,
  })
  if (!waited.settled || waited.value === null)
    throw keptPassword(drill, deadline, `it is ${waited.value?.status ?? arrived.status}`)
  return waited.value
}

function keptPassword({ copy }: Drill, deadline: number, why: string): Error {
  return new Error(`the master password of ${copy} is still production's after ${deadline} s: ${why}`)
}

/** What the copy must be: anything that RDS filled in by itself is a failure. */
export function configurationChecks(
  { setting, id }: Drill,
  copy: Instance,
  like: Instance,
  expires: string,
): Check[] {
  const same = (name: string, found: unknown, wanted: unknown): Check => {
    const equal = JSON.stringify(found) === JSON.stringify(wanted)
    return {
      name: `restore.${name}`,
      verdict: equal ? 'pass' : 'fail',
      detail: equal
        ? `${name} is ${JSON.stringify(found)}`
        : `${name} is ${JSON.stringify(found)}, ${JSON.stringify(wanted)} was asked for`,
      asked: 'rds:DescribeDBInstances',
    }
  }
  return [
    same('subnet-group', copy.subnetGroup, setting.subnetGroup),
    same('security-groups', copy.securityGroups, [setting.securityGroup]),
    same('parameter-group', copy.parameterGroups, [{ name: setting.parameterGroup, status: 'in-sync' }]),
    same('class', copy.className, setting.instanceClass),
    same('public', copy.publiclyAccessible, false),
    same('deletion-protection', copy.deletionProtection, false),
    same('retention', copy.retentionDays, 0),
    same('iam-login', copy.iamLogin, true),
    same('encrypted', copy.encrypted, true),
    ...(setting.region === setting.sourceRegion ? [same('key', copy.key, like.key)] : []),
    same('drill-tag', copy.tags[TAGS.drill], id),
    same('expiry-tag', copy.tags[TAGS.expires], expires),
  ]
}
