import type { CreateBucketCommandInput, ListBucketsCommandInput } from '@aws-sdk/client-s3'
import { type Call, type Operation, WireError } from '../../wire/call.ts'
import { type Bucket, bucketArn, checkBucketName, requireBucket } from './buckets.ts'
import type { S3 } from './context.ts'

type At = { readonly Bucket?: string }

function create(s3: S3, input: CreateBucketCommandInput, call: Call) {
  const name = input.Bucket ?? ''
  checkBucketName(name)
  if (s3.buckets.has(name)) {
    const message = 'Your previous request to create the named bucket succeeded and you already own it.'
    throw new WireError('BucketAlreadyOwnedByYou', message, 409, { BucketName: name })
  }
  const asked = input.CreateBucketConfiguration?.LocationConstraint
  if (asked !== undefined && asked !== call.region) {
    const message = `The ${asked} location constraint is incompatible for the region specific endpoint this request was sent to.`
    throw new WireError('IllegalLocationConstraintException', message)
  }
  const lock = input.ObjectLockEnabledForBucket === true
  s3.buckets.set(name, {
    name,
    region: call.region,
    createdAt: new Date(s3.clock()).toISOString(),
    ownership: input.ObjectOwnership ?? 'BucketOwnerEnforced',
    ...(lock && { versioning: 'Enabled' as const, objectLock: {} }),
  })
  return { Location: `/${name}`, BucketArn: bucketArn(name) }
}

function remove(s3: S3, input: At, call: Call) {
  const bucket = requireBucket(s3.buckets, input.Bucket ?? '', call)
  if (s3.objects.keys(bucket.name).length > 0) {
    const message = 'The bucket you tried to delete is not empty. You must delete all versions in the bucket.'
    throw new WireError('BucketNotEmpty', message, 409, { BucketName: bucket.name })
  }
  s3.buckets.delete(bucket.name)
  s3.objects.dropBucket(bucket.name)
  return {}
}

function list(s3: S3, input: ListBucketsCommandInput) {
  const found = s3.buckets
    .values()
    .filter(
      ({ name, region }) =>
        name.startsWith(input.Prefix ?? '') && (!input.BucketRegion || region === input.BucketRegion),
    )
    .sort((left, right) => (left.name < right.name ? -1 : 1))
  return {
    Buckets: found.map(({ name, region, createdAt }) => ({
      Name: name,
      CreationDate: new Date(createdAt),
      BucketRegion: region,
      BucketArn: bucketArn(name),
    })),
    Owner: { ID: s3.account },
    Prefix: input.Prefix,
  }
}

/** Making, listing and deleting buckets. */
export function bucketOperations(s3: S3): Record<string, Operation> {
  const on = (action: string) => (input: At) => [{ action, resource: bucketArn(input.Bucket ?? '') }]
  return {
    CreateBucket: {
      questions: on('s3:CreateBucket'),
      run: (input: CreateBucketCommandInput, call) => create(s3, input, call),
    },
    DeleteBucket: { questions: on('s3:DeleteBucket'), run: (input: At, call) => remove(s3, input, call) },
    HeadBucket: {
      questions: on('s3:ListBucket'),
      run: (input: At, call) => {
        const { region } = requireBucket(s3.buckets, input.Bucket ?? '', call)
        return { BucketRegion: region, AccessPointAlias: false }
      },
    },
    ListBuckets: {
      questions: () => [{ action: 's3:ListAllMyBuckets', resource: '*' }],
      run: (input: ListBucketsCommandInput) => list(s3, input),
    },
    GetBucketLocation: {
      questions: on('s3:GetBucketLocation'),
      run: (input: At, call) => {
        const { region } = requireBucket(s3.buckets, input.Bucket ?? '', call)
        return { LocationConstraint: region === 'us-east-1' ? undefined : region }
      },
    },
  }
}

/** One piece of a bucket's configuration with its three operations. */
export type Setting = {
  readonly get: string
  readonly put: string
  readonly remove?: string
  /** IAM actions for reading and writing, and for removing where that is another one. */
  readonly actions: readonly [string, string, string?]
  /** The answer of the read, or undefined where the bucket has none. */
  readonly read: (bucket: Bucket, account: string) => Record<string, unknown> | undefined
  readonly missing?: readonly [string, string]
  /** The changed bucket; throws what S3 would refuse. */
  readonly write: (bucket: Bucket, input: Record<string, unknown>) => Bucket
  readonly clear?: (bucket: Bucket) => Bucket
}

/** Makes the operations of a setting. */
export function settingOperations(s3: S3, setting: Setting): Record<string, Operation> {
  const on = (action: string) => (input: At) => [{ action, resource: bucketArn(input.Bucket ?? '') }]
  const bucketOf = (input: At, call: Call) => requireBucket(s3.buckets, input.Bucket ?? '', call)
  const change =
    (next: (bucket: Bucket, input: Record<string, unknown>) => Bucket): Operation['run'] =>
    (input: At, call) => {
      const bucket = bucketOf(input, call)
      s3.buckets.set(bucket.name, next(bucket, { ...input }))
      return {}
    }
  return {
    [setting.get]: {
      questions: on(setting.actions[0]),
      run: (input: At, call) => {
        const bucket = bucketOf(input, call)
        const answer = setting.read(bucket, s3.account)
        if (answer) return answer
        const [code, message] = setting.missing ?? [
          'NoSuchConfiguration',
          'The specified configuration does not exist.',
        ]
        throw new WireError(code, message, 404, { BucketName: bucket.name })
      },
    },
    [setting.put]: { questions: on(setting.actions[1]), run: change(setting.write) },
    ...(setting.remove &&
      setting.clear && {
        [setting.remove]: {
          questions: on(setting.actions[2] ?? setting.actions[1]),
          run: change(setting.clear),
        },
      }),
  }
}
