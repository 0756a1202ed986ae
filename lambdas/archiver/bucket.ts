import { S3Client, type S3ClientConfig } from '@aws-sdk/client-s3'

/** Milliseconds of silence after which an answer of S3 counts as lost. */
const SILENCE = 15_000

/**
 * A client for which S3 falls silent only so long: then the request is tried again, and at last fails. A run that
 * waited for good would keep the slot from all runs after it until Lambda ends it.
 */
export function openS3(config: S3ClientConfig = {}, silence = SILENCE): S3Client {
  return new S3Client({ ...config, requestHandler: { connectionTimeout: silence, socketTimeout: silence } })
}
