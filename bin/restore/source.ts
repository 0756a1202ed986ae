import { type DBInstance, DescribeDBInstancesCommand, type RDSClient } from '@aws-sdk/client-rds'
import { describe, type Instance } from '../../lambdas/restore-drill/copy.ts'
import type { DrillTarget } from '../../lambdas/restore-drill/request.ts'
import { ALIVE, type BackupSource } from '../../lambdas/restore-drill/stages/plan.ts'
import { chooseMoment, iso } from '../../lambdas/restore-drill/target.ts'
import { Refusal } from '../../lambdas/runtime/failure.ts'
import type { Deployment, Place } from '../drill/deployment.ts'
import { parseTarget } from '../drill/request.ts'
import { findBackup, referenceOf } from '../drill/source.ts'

export type RestoreTarget = Extract<DrillTarget, { kind: 'latest' | 'time' | 'snapshot' }>

/** What is restored, to when, and the living instance that it is made like. */
export type Source = {
  readonly target: RestoreTarget
  readonly from: BackupSource
  /** ISO, whole seconds: what RDS is asked for, or when the snapshot was taken. */
  readonly moment: string
  /** Production in the region of the restore: the primary at home, the standby in the other. */
  readonly like: Instance
  /** The same as RDS describes it, with what `Instance` leaves out. */
  readonly shown: DBInstance
  /** Whether it answers, so that the copy can be compared with it. */
  readonly alive: boolean
}

export type Wish = { readonly to: string; readonly place: Place; readonly withArchive: boolean }

/**
 * Finds the backup and the moment, before anything costs.
 * @throws Refusal `NotDeployed`, `ImpossibleTime`, `NoSnapshot`, `SnapshotHasNoTail` and those of `findSource`
 */
export async function chooseSource(deployment: Deployment, rds: RDSClient, wish: Wish): Promise<Source> {
  const target = targetOf(wish)
  const region = deployment.region(wish.place)
  const reference = referenceOf(deployment, wish.place)
  const like = await describe(rds, reference)
  const shown = like && (await readInstance(rds, reference))
  if (!like || !shown)
    throw new Refusal(
      'NotDeployed',
      `there is no instance ${reference} in ${region}, after which the restored one would be made`,
      deployment.twin ? `holdfast up --env ${deployment.twin.environment}` : 'deploy it, or try --region',
    )
  const from = await findBackup(deployment, rds, wish.place, { target }, like)
  const moment = momentOf(target, from, wish.withArchive)
  return { target, from, moment, like, shown, alive: ALIVE.has(like.status) && like.host !== null }
}

function targetOf({ to, withArchive }: Wish): RestoreTarget {
  const target = parseTarget(to)
  if (target.kind !== 'latest' && target.kind !== 'time' && target.kind !== 'snapshot')
    throw new Refusal(
      'NotForUse',
      `--to ${target.kind} is for drills`,
      'give latest, a time such as 2026-11-20T14:03:00Z, or a snapshot',
    )
  if (target.kind === 'snapshot' && withArchive)
    throw new Refusal(
      'SnapshotHasNoTail',
      'a snapshot is restored onto the timeline of production, so nothing tells the copy from the primary, and nothing is rolled forward into what may be the primary',
      'restore --to latest or to a time with --with-archive, or the snapshot without it',
    )
  return target
}

/** With the archive RDS need only come as near as it can: the tail does the rest. */
function momentOf(target: RestoreTarget, from: BackupSource, withArchive: boolean): string {
  if (target.kind === 'snapshot') {
    if (from.createdAt !== null) return from.createdAt
    throw new Refusal(
      'SnapshotNotReady',
      `the snapshot ${from.id} has no time yet`,
      'wait until it is available',
    )
  }
  const latest = from.window === null ? null : Math.floor(from.window.latest / 1_000) * 1_000
  const chosen = chooseMoment(target, from.window, 0, 0)
  if (chosen === null || latest === null) throw new Error('a time was chosen without a window')
  if (chosen <= latest) return iso(chosen)
  if (withArchive) return iso(latest)
  throw new Refusal(
    'ImpossibleTime',
    `${iso(chosen)} lies after the restorable window ${iso(from.window?.earliest ?? latest)} to ${iso(latest)}`,
    'wait until RDS has shipped its log so far, or add --with-archive: the archive reaches further',
  )
}

/** The instance as RDS describes it, or `undefined` when there is none of that name. */
export async function readInstance(rds: RDSClient, identifier: string): Promise<DBInstance | undefined> {
  try {
    const answer = await rds.send(new DescribeDBInstancesCommand({ DBInstanceIdentifier: identifier }))
    return answer.DBInstances?.[0]
  } catch (error) {
    if (error instanceof Error && error.name.startsWith('DBInstanceNotFound')) return undefined
    throw error
  }
}
