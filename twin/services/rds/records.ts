import type { DBInstance, DBSnapshot, PendingModifiedValues, Tag } from '@aws-sdk/client-rds'
import type { Version } from '../../postgres/installation.ts'

/** Parts of an instance's description that do not change by themselves. Nothing in it is a Date. */
export type Shown = Omit<
  DBInstance,
  | 'InstanceCreateTime'
  | 'LatestRestorableTime'
  | 'AutomaticRestartTime'
  | 'ResumeFullAutomationModeTime'
  | 'CertificateDetails'
  | 'PendingModifiedValues'
>

/** Values of a parameter group by parameter name. */
export type ParameterValues = Readonly<
  Record<string, { readonly value: string; readonly method: ApplyMethod }>
>
export type ApplyMethod = 'immediate' | 'pending-reboot'

/** An instance as the twin keeps it. */
export type InstanceRecord = {
  readonly region: string
  readonly id: string
  readonly resourceId: string
  readonly version: Version
  /** Milliseconds since the epoch. */
  readonly createdAt: number
  readonly status: string
  /** Its database files are whole: it can be started. */
  readonly isMade: boolean
  /** TCP port of its endpoint on 127.0.0.1; 0 until it has one. */
  readonly hostPort: number
  readonly shown: Shown
  readonly pending: PendingModifiedValues
  readonly parameterGroup: string
  /** The group and the values with which PostgreSQL last started. */
  readonly applied: { readonly group: string; readonly values: ParameterValues }
  readonly subnetGroup: string
  readonly securityGroups: readonly string[]
  readonly tags: readonly Tag[]
  /** What a replica follows. */
  readonly source?: {
    readonly region: string
    readonly resourceId: string
    /** Named in a description, an ARN when it is in another region. */
    readonly shownAs: string
    /** The source is gone for good. */
    readonly isTerminated?: boolean
  }
  /** Replication was stopped by a fault. */
  readonly isReplicationStopped?: boolean
}

/** A copy of an instance's files, and what is needed to make an instance of it. */
export type SnapshotRecord = {
  readonly region: string
  readonly id: string
  readonly status: string
  readonly progress: number
  readonly type: 'manual' | 'automated' | 'awsbackup'
  readonly dir: string
  readonly version: Version
  readonly createdAt: number
  readonly originalCreatedAt: number
  /** The moment at which the copy is consistent. */
  readonly databaseTime?: number
  readonly instanceCreatedAt: number
  readonly shown: Omit<
    DBSnapshot,
    'SnapshotCreateTime' | 'InstanceCreateTime' | 'OriginalSnapshotCreateTime' | 'SnapshotDatabaseTime'
  >
  readonly instance: Shown
  readonly tags: readonly Tag[]
}

/** One base of an automated backup. */
export type BaseRecord = { readonly dir: string; readonly stoppedAt: number; readonly snapshot: string }

/** The continuous backup of one instance in one region: bases and the archive that joins them. */
export type BackupRecord = {
  /** Region where the files are. */
  readonly region: string
  readonly id: string
  readonly status: 'active' | 'retained' | 'creating' | 'replicating'
  readonly resourceId: string
  readonly instanceId: string
  readonly instanceRegion: string
  readonly instanceCreatedAt: number
  readonly version: Version
  readonly instance: Shown
  readonly tags: readonly Tag[]
  readonly retention: number
  readonly kmsKeyId?: string
  readonly bases: readonly BaseRecord[]
  readonly archive: string
  /** Any moment up to here can be restored: milliseconds since the epoch. */
  readonly latest?: number
}

export type ParameterGroupRecord = {
  readonly region: string
  readonly name: string
  readonly family: string
  readonly description: string
  readonly values: ParameterValues
  readonly tags: readonly Tag[]
}

export type SubnetGroupRecord = {
  readonly region: string
  readonly name: string
  readonly description: string
  readonly vpc: string
  readonly subnets: readonly { readonly id: string; readonly zone: string }[]
  readonly tags: readonly Tag[]
}

export type EventRecord = {
  readonly id: string
  readonly sourceType: string
  readonly sourceIdentifier: string
  readonly sourceArn: string
  readonly categories: readonly string[]
  readonly message: string
  readonly at: number
}

export type ExportRecord = {
  readonly region: string
  readonly id: string
  readonly sourceArn: string
  readonly sourceType: 'SNAPSHOT'
  readonly only: readonly string[]
  readonly bucket: string
  readonly prefix: string
  readonly roleArn: string
  readonly kmsKeyId: string
  readonly status: string
  readonly progress: number
  readonly snapshotTime: number
  readonly startedAt?: number
  readonly endedAt?: number
  readonly extractedGb: number
  readonly failure?: string
  readonly warning?: string
}

export type ProxyRecord = {
  readonly region: string
  readonly name: string
  readonly id: string
  readonly createdAt: number
  readonly updatedAt: number
  readonly status: string
  readonly shown: Readonly<Record<string, unknown>>
  readonly targets: readonly string[]
  readonly pool: Readonly<Record<string, unknown>>
  /** TCP port of its endpoint on 127.0.0.1; none while no pooler is on this machine. */
  readonly hostPort?: number
  readonly tags: readonly Tag[]
}
