import type { KMSClient } from '@aws-sdk/client-kms'
import type { RDSClient } from '@aws-sdk/client-rds'
import type { S3Client } from '@aws-sdk/client-s3'

/** What the stack tells this function, read once. */
export type Setting = {
  readonly name: string
  readonly account: string
  /** This function's own region. */
  readonly region: string
  /** The protected instance, and where it lives. */
  readonly source: string
  readonly sourceRegion: string
  /** The living instance in this region that the copy is compared with. */
  readonly reference: string
  readonly subnetGroup: string
  readonly securityGroup: string
  readonly parameterGroup: string
  /** With the `db.` prefix. */
  readonly instanceClass: string
  readonly database: string
  readonly examineArn: string
  /** Absent where there is no archive to roll a copy forward along. */
  readonly rollForwardArn?: string
  readonly evidenceBucket: string
  readonly evidenceKey: string
  readonly evidenceRetentionSeconds: number
  readonly pollSeconds: number
  readonly configDigest: string
  /** Whether AWS answers, or something else at an address that was given. */
  readonly where: 'aws' | 'twin'
  readonly code: string
}

export type Clients = { readonly rds: RDSClient; readonly s3: S3Client; readonly kms: KMSClient }

/** One drill: who it is and what it may use. */
export type Drill = {
  /** Ten hex digits, the same at every replay. */
  readonly id: string
  /** RDS identifier of the copy. */
  readonly copy: string
  readonly execution: string
  readonly setting: Setting
  readonly clients: Clients
}
