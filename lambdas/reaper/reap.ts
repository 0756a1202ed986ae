import {
  type DBInstance,
  DeleteDBInstanceAutomatedBackupCommand,
  DeleteDBInstanceCommand,
  DeleteDBSnapshotCommand,
  paginateDescribeDBInstanceAutomatedBackups,
  paginateDescribeDBInstances,
  paginateDescribeDBSnapshots,
  type RDSClient,
  type Tag,
} from '@aws-sdk/client-rds'
import { COPY_PREFIX, ENVIRONMENT_TAG, TAGS } from '../restore-drill/names.ts'
import { sentence } from '../runtime/failure.ts'
import { type Candidate, judgeCandidate, judgeProving } from './guard.ts'

export type Kind = 'instance' | 'snapshot' | 'automated-backup'

/**
 * What was done with one leftover. `failed` stays for the next run; `forgotten` is a restore's, which only the person
 * who asked for it deletes: both are counted as overdue.
 */
export type Reaped = {
  readonly kind: Kind
  readonly identifier: string
  readonly outcome: 'reaped' | 'kept' | 'going' | 'failed' | 'forgotten'
  readonly why: string
}

type Leftover = Candidate & {
  readonly kind: Kind
  readonly going: boolean
  readonly remove: () => Promise<unknown>
}

/**
 * Deletes what drills left behind: copies, then their snapshots and backups. One that cannot be deleted does not
 * keep the others alive.
 * @param now milliseconds since the epoch
 */
export async function reap(
  rds: RDSClient,
  name: string,
  production: readonly string[],
  now: number,
): Promise<Reaped[]> {
  const done: Reaped[] = []
  for await (const leftover of leftovers(rds, name)) {
    const { kind, identifier } = leftover
    if (leftover.tags[TAGS.restored] !== undefined) {
      done.push({ kind, identifier, ...judgeProving(leftover, now) })
      continue
    }
    const ruling = judgeCandidate(leftover, name, production, now)
    if (!ruling.reap) {
      done.push({ kind, identifier, outcome: 'kept', why: ruling.why })
      continue
    }
    if (leftover.going) {
      done.push({ kind, identifier, outcome: 'going', why: ruling.why })
      continue
    }
    try {
      await leftover.remove()
      done.push({ kind, identifier, outcome: 'reaped', why: ruling.why })
    } catch (error) {
      done.push({ kind, identifier, outcome: 'failed', why: sentence(error) })
    }
  }
  return done
}

/** A copy that a restore is proving, or has left unproven. IAM keeps the reaper from it as well. */
function isProving({ TagList }: DBInstance, name: string): boolean {
  const tags = tagsOf(TagList)
  return tags[ENVIRONMENT_TAG] === name && tags[TAGS.restored] !== undefined && tags[TAGS.drill] !== undefined
}

async function* leftovers(rds: RDSClient, name: string): AsyncGenerator<Leftover> {
  const ours = (identifier: string) => identifier.startsWith(`${COPY_PREFIX}${name}-`)
  for await (const page of paginateDescribeDBInstances({ client: rds }, {}))
    for (const found of page.DBInstances ?? []) {
      const identifier = found.DBInstanceIdentifier ?? ''
      if (!ours(identifier) && !isProving(found, name)) continue
      yield {
        kind: 'instance',
        identifier,
        instance: identifier,
        tags: tagsOf(found.TagList),
        madeAt: found.InstanceCreateTime?.getTime(),
        going: found.DBInstanceStatus === 'deleting',
        remove: () =>
          rds.send(
            new DeleteDBInstanceCommand({
              DBInstanceIdentifier: identifier,
              SkipFinalSnapshot: true,
              DeleteAutomatedBackups: true,
            }),
          ),
      }
    }
  for await (const page of paginateDescribeDBSnapshots({ client: rds }, { SnapshotType: 'manual' }))
    for (const found of page.DBSnapshots ?? []) {
      const identifier = found.DBSnapshotIdentifier ?? ''
      const instance = found.DBInstanceIdentifier ?? ''
      if (!ours(instance)) continue
      yield {
        kind: 'snapshot',
        identifier,
        instance,
        tags: tagsOf(found.TagList),
        madeAt: found.SnapshotCreateTime?.getTime(),
        going: found.Status === 'deleting',
        remove: () => rds.send(new DeleteDBSnapshotCommand({ DBSnapshotIdentifier: identifier })),
      }
    }
  for await (const page of paginateDescribeDBInstanceAutomatedBackups({ client: rds }, {}))
    for (const found of page.DBInstanceAutomatedBackups ?? []) {
      const instance = found.DBInstanceIdentifier ?? ''
      if (!ours(instance) || found.Status !== 'retained') continue
      yield {
        kind: 'automated-backup',
        identifier: found.DBInstanceAutomatedBackupsArn ?? '',
        instance,
        tags: tagsOf(found.TagList),
        madeAt: found.InstanceCreateTime?.getTime(),
        going: false,
        remove: () =>
          rds.send(
            new DeleteDBInstanceAutomatedBackupCommand({
              DbiResourceId: found.DbiResourceId,
            }),
          ),
      }
    }
}

function tagsOf(tags: readonly Tag[] | undefined): Record<string, string> {
  return Object.fromEntries((tags ?? []).map(tag => [tag.Key ?? '', tag.Value ?? '']))
}
