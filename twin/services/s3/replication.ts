import { copyFile } from 'node:fs/promises'
import type { ReplicationRule } from '@aws-sdk/client-s3'
import type { Collection } from '../../state/collection.ts'
import type { Question } from '../../wire/call.ts'
import { type Bucket, objectArn } from './buckets.ts'
import type { KeyFinder, UsableKey } from './context.ts'
import type { ObjectStore, Version } from './objects.ts'

/** Copies versions to the buckets that replication rules name, after the write was answered. */
export type Replicator = {
  /** Marks a new version PENDING where a rule takes it, and answers it as it is now kept. */
  schedule(bucket: Bucket, key: string, version: Version): Version
  scheduleMarker(bucket: Bucket, key: string, marker: Version): void
  /** Resolves when nothing is waiting that could be copied now. */
  settle(): Promise<void>
  close(): void
}

export type ReplicatorOptions = {
  readonly buckets: Collection<Bucket>
  readonly objects: ObjectStore
  readonly clock: () => number
  readonly findKey: KeyFinder
  /** Whether the rule's role may; asked for each version. */
  readonly allowsRole: (roleArn: string, question: Question, region: string) => boolean
  /** False while a region is lost: what is to be copied there waits. */
  readonly isReachable: (region: string) => boolean
  /** Told why a version was marked FAILED by an error rather than by its configuration. */
  readonly onFailure?: (source: string, key: string, error: unknown) => void
  /** How long a version waits before it is copied. @default 0 */
  readonly lagMs?: number
}

/** How often what could not be copied yet is tried again. */
const RETRY_MS = 500

type Job = {
  readonly source: string
  readonly key: string
  readonly versionId: string
  readonly rule: ReplicationRule
}

const destinationOf = (rule: ReplicationRule) => (rule.Destination?.Bucket ?? '').replace('arn:aws:s3:::', '')

function takes(rule: ReplicationRule, key: string, version: Version): boolean {
  if (rule.Status !== 'Enabled') return false
  const filter = rule.Filter
  const prefix = filter?.And?.Prefix ?? filter?.Prefix ?? rule.Prefix ?? ''
  const tags = filter?.And?.Tags ?? (filter?.Tag ? [filter.Tag] : [])
  if (!key.startsWith(prefix) || !tags.every(tag => version.tags[tag.Key ?? ''] === tag.Value)) return false
  // Versions under a KMS key go only where the rule asks for them.
  return (
    !version.encryption.keyArn || rule.SourceSelectionCriteria?.SseKmsEncryptedObjects?.Status === 'Enabled'
  )
}

function questionsOf(
  job: Job,
  atSource: UsableKey | undefined,
  atTarget: UsableKey | undefined,
): [Question[], Question[]] {
  const source = { action: 's3:GetObjectVersionForReplication', resource: objectArn(job.source, job.key) }
  const target = { action: 's3:ReplicateObject', resource: objectArn(destinationOf(job.rule), job.key) }
  const keyed = (action: string, key: UsableKey | undefined): Question[] =>
    key ? [{ action, resource: key.arn, context: key.context }] : []
  return [
    [source, ...keyed('kms:Decrypt', atSource)],
    [target, ...keyed('kms:Encrypt', atTarget)],
  ]
}

/** The replicator of one twin's S3. Versions that were PENDING when the twin ended are taken up again. */
export function createReplicator(options: ReplicatorOptions): Replicator {
  const waiting: Job[] = []
  let running: Promise<void> | undefined
  let timer: NodeJS.Timeout | undefined
  let closed = false
  const { buckets, objects } = options

  const mark = (job: Job, replication: NonNullable<Version['replication']>) => {
    const versions = objects.versions(job.source, job.key)
    objects.save(
      job.source,
      job.key,
      versions.map(version => (version.id === job.versionId ? { ...version, replication } : version)),
    )
  }

  const copy = async (job: Job): Promise<'done' | 'failed' | 'wait'> => {
    const source = buckets.get(job.source)
    const target = buckets.get(destinationOf(job.rule))
    const version = objects.versions(job.source, job.key).find(({ id }) => id === job.versionId)
    // The version or its bucket went away while it waited.
    if (!source || !version) return 'done'
    if (target && !(options.isReachable(target.region) && options.isReachable(source.region))) return 'wait'
    if (target?.versioning !== 'Enabled') return 'failed'
    const encryption = replicaEncryption(target, version, job.rule)
    if (!isAllowed(job, source, target, version, encryption.keyArn)) return 'failed'
    const scratch = objects.scratch()
    await copyFile(objects.path(job.source, job.key, version), scratch)
    const { retention, legalHold, ...rest } = version
    const replica: Version = {
      ...rest,
      ...(target.objectLock && { ...(retention && { retention }), ...(legalHold && { legalHold }) }),
      encryption,
      replication: 'REPLICA',
      file: objects.adopt(target.name, job.key, scratch),
    }
    insert(target.name, job.key, replica)
    return 'done'
  }

  const replicaEncryption = (
    target: Bucket,
    version: Version,
    rule: ReplicationRule,
  ): Version['encryption'] => {
    const reference =
      rule.Destination?.EncryptionConfiguration?.ReplicaKmsKeyID ?? target.encryption?.KMSMasterKeyID
    if (!reference || !version.encryption.keyArn)
      return target.encryption?.KMSMasterKeyID
        ? withKey(target, target.encryption.KMSMasterKeyID)
        : { algorithm: 'AES256' }
    return withKey(target, reference)
  }
  const withKey = (target: Bucket, reference: string): Version['encryption'] => {
    const key = options.findKey(reference, target.region)
    key.assertUsable()
    return { algorithm: 'aws:kms', keyArn: key.arn, bucketKey: target.encryption?.BucketKeyEnabled ?? false }
  }

  const isAllowed = (
    job: Job,
    source: Bucket,
    target: Bucket,
    version: Version,
    keyArn: string | undefined,
  ) => {
    const role = source.replication?.Role ?? ''
    const key = (reference: string | undefined, region: string) =>
      reference ? options.findKey(reference, region) : undefined
    const [atSource, atTarget] = questionsOf(
      job,
      key(version.encryption.keyArn, source.region),
      key(keyArn, target.region),
    )
    return (
      atSource.every(question => options.allowsRole(role, question, source.region)) &&
      atTarget.every(question => options.allowsRole(role, question, target.region))
    )
  }

  // A replica keeps the time and the id of its source, and so its place among the versions.
  const insert = (bucket: string, key: string, replica: Version) => {
    const versions = objects.versions(bucket, key).filter(({ id }) => id !== replica.id)
    const at = versions.findIndex(({ lastModified }) => lastModified <= replica.lastModified)
    objects.save(bucket, key, at < 0 ? [...versions, replica] : versions.toSpliced(at, 0, replica))
  }

  const pass = async (): Promise<void> => {
    const again: Job[] = []
    for (let job = waiting.shift(); job && !closed; job = waiting.shift()) {
      const outcome = await copy(job).catch((error: unknown): 'failed' => {
        options.onFailure?.(job.source, job.key, error)
        return 'failed'
      })
      if (outcome === 'wait') again.push(job)
      else mark(job, outcome === 'done' ? 'COMPLETED' : 'FAILED')
    }
    waiting.push(...again)
  }

  const wake = (delay: number) => {
    if (closed || timer) return
    timer = setTimeout(() => {
      timer = undefined
      running = (running ?? Promise.resolve()).then(pass).then(() => {
        if (waiting.length > 0) wake(RETRY_MS)
      })
    }, delay)
    timer.unref()
  }

  for (const bucket of buckets.values()) {
    if (!bucket.replication) continue
    for (const key of objects.keys(bucket.name)) {
      for (const version of objects.versions(bucket.name, key)) {
        const rule = bucket.replication.Rules?.find(each => takes(each, key, version))
        if (rule && version.replication === 'PENDING')
          waiting.push({ source: bucket.name, key, versionId: version.id, rule })
      }
    }
  }
  if (waiting.length > 0) wake(0)

  return {
    schedule: (bucket, key, version) => {
      const rule = bucket.replication?.Rules?.find(each => takes(each, key, version))
      if (!rule) return version
      const pending: Version = { ...version, replication: 'PENDING' }
      mark({ source: bucket.name, key, versionId: version.id, rule }, 'PENDING')
      waiting.push({ source: bucket.name, key, versionId: version.id, rule })
      wake(options.lagMs ?? 0)
      return pending
    },
    scheduleMarker: (bucket, key, marker) => {
      const rule = bucket.replication?.Rules?.find(each => takes(each, key, marker))
      if (rule?.DeleteMarkerReplication?.Status !== 'Enabled') return
      const target = buckets.get(destinationOf(rule))
      if (target?.versioning === 'Enabled' && options.isReachable(target.region))
        insert(target.name, key, marker)
    },
    settle: async () => {
      if (timer) {
        clearTimeout(timer)
        timer = undefined
      }
      running = (running ?? Promise.resolve()).then(pass)
      await running
      if (waiting.length > 0) wake(RETRY_MS)
    },
    close: () => {
      closed = true
      if (timer) clearTimeout(timer)
    },
  }
}
