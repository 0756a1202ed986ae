import { RDSClient } from '@aws-sdk/client-rds'
import { describe, type Instance } from '../../lambdas/restore-drill/copy.ts'
import type { DrillRequestInput, DrillTarget } from '../../lambdas/restore-drill/request.ts'
import { type BackupSource, findSource } from '../../lambdas/restore-drill/stages/plan.ts'
import { chooseMoment } from '../../lambdas/restore-drill/target.ts'
import { Refusal } from '../../lambdas/runtime/failure.ts'
import type { Deployment, Place } from './deployment.ts'

type Wanted = { readonly target: DrillTarget; readonly controlSource?: string | undefined }

/** The living instance of a region after which a copy is made: the primary at home, the standby in the other. */
export function referenceOf({ config }: Deployment, place: Place): string {
  return place === 'home' ? config.name : `${config.name}-standby`
}

/** The backup that is meant, in the region where it is restored. @throws Refusal those of `findSource` */
export function findBackup(
  { config, region }: Deployment,
  rds: RDSClient,
  place: Place,
  wanted: Wanted,
  like: Instance,
): Promise<BackupSource> {
  const setting = { region: region(place), source: config.name, sourceRegion: config.region }
  return findSource({ clients: { rds }, setting }, { ...wanted, region: place }, like)
}

/**
 * Refuses a time outside the backups, and a snapshot that nobody made, before a drill begins: it would sign that as
 * `unknown`, and a slip of the keys belongs into nobody's evidence. What this login may not ask, the drill finds out.
 */
export async function refuseMistaken(
  deployment: Deployment,
  place: Place,
  { target, controlSource }: Pick<DrillRequestInput, 'target' | 'controlSource'>,
): Promise<void> {
  if (target?.kind !== 'time' && target?.kind !== 'snapshot') return
  const rds = new RDSClient({ region: deployment.region(place) })
  try {
    const like = await describe(rds, referenceOf(deployment, place))
    if (!like) return
    const from = await findBackup(deployment, rds, place, { target, controlSource }, like)
    chooseMoment(target, from.window, 0, 0)
  } catch (error) {
    if (error instanceof Refusal || !(error as Error).name.startsWith('AccessDenied')) throw error
  } finally {
    rds.destroy()
  }
}
