import { closeSync, openSync, readSync, writeSync } from 'node:fs'
import * as schemas from '@aws-sdk/client-s3'
import { type Call, type Question, type Service, WireError } from '../../wire/call.ts'
import type { ServiceDependencies } from '../dependencies.ts'
import { bucketOperations, settingOperations } from './bucket-operations.ts'
import type { Bucket } from './buckets.ts'
import type { KeyFinder, S3, Upload } from './context.ts'
import { copyOperations } from './copy.ts'
import { deleteOperations } from './delete.ts'
import { readOperations } from './get.ts'
import { listOperations } from './list.ts'
import { bucketLockOperations, objectLockOperations } from './lock-operations.ts'
import { multipartOperations } from './multipart.ts'
import { openObjects, type Version } from './objects.ts'
import { putObject } from './put.ts'
import { createReplicator } from './replication.ts'
import { SETTINGS } from './settings.ts'
import { taggingOperations } from './tagging.ts'
import { requireVersion } from './versions.ts'

export type S3Dependencies = ServiceDependencies & {
  /** Where objects lie. */
  readonly dir: string
  readonly findKey: KeyFinder
  readonly may: (call: Call, question: Question) => boolean
  readonly allowsRole: (roleArn: string, question: Question, region: string) => boolean
  /** False while a region is lost. @default always true */
  readonly isReachable?: (region: string) => boolean
  /** How long replication waits. @default 0 */
  readonly replicationLagMs?: number
}

/** The twin's S3, with what the rest of the twin asks of it in process. */
export type S3Service = {
  readonly service: Service
  /** The policy of the bucket that an S3 ARN is of. */
  policyOf(arn: string): unknown
  bucket(name: string): Bucket | undefined
  /** Changes one byte of a version's content on disk, so that its checksums are wrong. `at` counts from 0. */
  corruptObject(
    bucket: string,
    key: string,
    options?: { readonly versionId?: string; readonly at?: number },
  ): void
  /** Makes a version, or all versions, vanish without a delete marker: what a bucket that lost data looks like. */
  dropObject(bucket: string, key: string, versionId?: string): void
  /** Resolves when replication has done what it can. */
  settleReplication(): Promise<void>
  close(): void
}

/** The S3 of one twin, all regions. */
export function createS3(dependencies: S3Dependencies): S3Service {
  const buckets = dependencies.open<Bucket>('buckets')
  const objects = openObjects(dependencies.dir)
  const isReachable = dependencies.isReachable ?? (() => true)
  const { clock, findKey, allowsRole, replicationLagMs: lagMs } = dependencies
  const replicator = createReplicator({
    buckets,
    objects,
    clock,
    findKey,
    allowsRole,
    isReachable,
    ...(lagMs !== undefined && { lagMs }),
  })
  const s3: S3 = {
    account: dependencies.account,
    clock,
    buckets,
    uploads: dependencies.open<Upload>('uploads'),
    objects,
    findKey,
    may: dependencies.may,
    replicator,
  }
  // Parts lie in the scratch folder, which a restart empties: an upload that was under way is over.
  for (const id of s3.uploads.keys()) s3.uploads.delete(id)
  return {
    service: { name: 's3', schemas, protocol: 'rest-xml', operations: guarded(operationsOf(s3), s3.account) },
    policyOf: arn => buckets.get(arn.split(':::')[1]?.split('/')[0] ?? '')?.policy,
    bucket: name => buckets.get(name),
    corruptObject: (bucket, key, options = {}) => {
      const version = requireVersion(s3, bucket, key, options.versionId)
      flipByte(objects.path(bucket, key, version), options.at ?? Math.floor(version.size / 2))
    },
    dropObject: (bucket, key, versionId) => dropVersion(s3, bucket, key, versionId),
    settleReplication: () => replicator.settle(),
    close: () => replicator.close(),
  }
}

function operationsOf(s3: S3): Service['operations'] {
  return {
    PutObject: putObject(s3),
    ...readOperations(s3),
    ...listOperations(s3),
    ...deleteOperations(s3),
    ...copyOperations(s3),
    ...multipartOperations(s3),
    ...taggingOperations(s3),
    ...objectLockOperations(s3),
    ...bucketLockOperations(s3),
    ...bucketOperations(s3),
    ...Object.assign({}, ...SETTINGS.map(setting => settingOperations(s3, setting))),
  }
}

const GRANTS = ['GrantFullControl', 'GrantRead', 'GrantReadACP', 'GrantWriteACP']

/** Holds every operation to what stands in many inputs: whose bucket it must be, and that access lists are off. */
function guarded(operations: Service['operations'], account: string): Service['operations'] {
  const check = (input: Record<string, unknown>) => {
    if (input.ExpectedBucketOwner !== undefined && input.ExpectedBucketOwner !== account) {
      throw new WireError('AccessDenied', 'Access Denied', 403)
    }
    const hasAcl = input.ACL !== undefined && input.ACL !== 'bucket-owner-full-control'
    if (input.Key !== undefined && (hasAcl || GRANTS.some(name => input[name] !== undefined))) {
      throw new WireError('AccessControlListNotSupported', 'The bucket does not allow ACLs', 400)
    }
  }
  return Object.fromEntries(
    Object.entries(operations).map(([name, { questions, run }]) => [
      name,
      {
        questions: (input, call) => {
          check(input)
          return questions(input, call)
        },
        run,
      },
    ]),
  )
}

function flipByte(path: string, at: number): void {
  const handle = openSync(path, 'r+')
  try {
    const byte = Buffer.alloc(1)
    if (readSync(handle, byte, 0, 1, at) !== 1)
      throw new Error(`${path} has no byte ${at}. HINT: choose one inside it`)
    byte[0] = (byte[0] as number) ^ 0xff
    writeSync(handle, byte, 0, 1, at)
  } finally {
    closeSync(handle)
  }
}

function dropVersion(s3: S3, bucket: string, key: string, versionId: string | undefined): void {
  requireVersion(s3, bucket, key, versionId)
  const keep = (version: Version) => versionId !== undefined && version.id !== versionId
  s3.objects.save(bucket, key, s3.objects.versions(bucket, key).filter(keep))
}
