import type {
  DeleteObjectTaggingCommandInput,
  GetObjectTaggingCommandInput,
  PutObjectTaggingCommandInput,
  Tag,
} from '@aws-sdk/client-s3'
import { type Call, type Operation, WireError } from '../../wire/call.ts'
import { objectArn, requireBucket } from './buckets.ts'
import type { S3 } from './context.ts'
import { replaceVersion, requireVersion, versionIdOf } from './versions.ts'

/** Reads the `a=1&b=2` of the tagging header. */
export const parseTagging = (text: string | undefined): Record<string, string> =>
  Object.fromEntries(new URLSearchParams(text ?? ''))

/** Tags as S3 lists them. */
export const tagSet = (tags: Readonly<Record<string, string>>): Tag[] =>
  Object.entries(tags).map(([Key, Value]) => ({ Key, Value }))

/** Reads a tag set; S3 allows ten tags on an object. */
export function readTagSet(tags: readonly Tag[] | undefined, most: number): Record<string, string> {
  if ((tags?.length ?? 0) > most) {
    throw new WireError('BadRequest', `Object tags cannot be greater than ${most}`)
  }
  return Object.fromEntries((tags ?? []).map(({ Key, Value }) => [Key ?? '', Value ?? '']))
}

type At = { Bucket: string | undefined; Key: string | undefined; VersionId?: string | undefined }

const question = (action: string) => (input: At) => [
  {
    action: input.VersionId ? action.replace('Tagging', 'VersionTagging') : action,
    resource: objectArn(input.Bucket ?? '', input.Key ?? ''),
  },
]

/** The object tagging operations. */
export function taggingOperations(s3: S3): Record<string, Operation> {
  const find = (input: At, call: Call) => {
    const bucket = requireBucket(s3.buckets, input.Bucket ?? '', call)
    return { bucket, version: requireVersion(s3, bucket.name, input.Key ?? '', input.VersionId) }
  }
  const change = (input: At, call: Call, tags: Record<string, string>) => {
    const { bucket, version } = find(input, call)
    replaceVersion(s3, bucket.name, input.Key ?? '', { ...version, tags })
    return { VersionId: versionIdOf(bucket, version) }
  }
  return {
    GetObjectTagging: {
      questions: question('s3:GetObjectTagging'),
      run: (input: GetObjectTaggingCommandInput, call) => {
        const { bucket, version } = find(input as At, call)
        return { VersionId: versionIdOf(bucket, version), TagSet: tagSet(version.tags) }
      },
    },
    PutObjectTagging: {
      questions: question('s3:PutObjectTagging'),
      run: (input: PutObjectTaggingCommandInput, call) =>
        change(input as At, call, readTagSet(input.Tagging?.TagSet, 10)),
    },
    DeleteObjectTagging: {
      questions: question('s3:DeleteObjectTagging'),
      run: (input: DeleteObjectTaggingCommandInput, call) => change(input as At, call, {}),
    },
  }
}
