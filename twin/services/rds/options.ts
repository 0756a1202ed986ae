import type { ServerCertificate } from '../../postgres/authority.ts'
import type { TokenKey } from '../../postgres/token.ts'
import type { Principal } from '../../wire/call.ts'

/** One sample of a metric, as CloudWatch would get it from RDS. */
export type RdsMetric = {
  readonly region: string
  /** @default AWS/RDS */
  readonly namespace: string
  readonly name: string
  readonly dimensions: Readonly<Record<string, string>>
  readonly value: number
  readonly unit: 'Seconds' | 'Microseconds' | 'Bytes' | 'Count' | 'Percent'
}

/** An RDS event, as event subscriptions and EventBridge would get it. */
export type RdsEvent = {
  readonly region: string
  /** e.g. `RDS-EVENT-0049` */
  readonly id: string
  readonly sourceType: 'db-instance' | 'db-snapshot' | 'db-parameter-group'
  readonly sourceIdentifier: string
  readonly sourceArn: string
  readonly categories: readonly string[]
  readonly message: string
  /** Milliseconds since the epoch. */
  readonly at: number
}

/**
 * Condition keys of `rds-db:connect`: `aws:ResourceTag/…` of the instance or the proxy, and no other. The reference
 * lists that one for the action: https://docs.aws.amazon.com/service-authorization/latest/reference/list_rds-db.html,
 * read 2026-11-30. Assumed: that a database user's tags are those of its instance.
 */
export type ConnectContext = Readonly<Record<string, string>>

/** What RDS asks the rest of the twin for. What is left out makes the operations that need it refuse by name. */
export type RdsOptions = {
  /** The twin's folder: clusters go to `<root>/clusters/<resource id>/data`. */
  readonly root: string
  readonly account: string
  readonly regions: readonly string[]
  readonly certificate: ServerCertificate
  readonly findKey: (accessKeyId: string) => TokenKey | undefined
  /** Whether the caller may do `rds-db:connect` on `arn:aws:rds-db:<region>:<account>:dbuser:<resource id>/<user>`. */
  readonly mayConnect: (
    principal: Principal,
    resource: string,
    context: ConnectContext,
  ) => boolean | Promise<boolean>
  /** Whether a proxy's role may do `rds-db:connect` on an instance, as RDS Proxy enters it. @default yes */
  readonly mayRoleConnect?: (
    roleArn: string,
    resource: string,
    region: string,
    context: ConnectContext,
  ) => boolean
  /** Told of processes that are no PostgreSQL, so that none outlives the twin. */
  readonly watch?: { started(pid: number): void; ended(pid: number): void }
  /** Milliseconds since the epoch. @default Date.now */
  readonly clock?: () => number
  /** How far LatestRestorableTime trails, in milliseconds. RDS: up to five minutes. @default 2000 */
  readonly restorableLag?: number
  /** Milliseconds between two rounds of metrics. RDS: a minute. @default 10000 */
  readonly metricInterval?: number
  readonly emitMetric?: (metric: RdsMetric) => void
  readonly emitEvent?: (event: RdsEvent) => void
  /** Where snapshots are exported to. */
  readonly putObject?: (object: {
    readonly region: string
    readonly bucket: string
    readonly key: string
    readonly body: Uint8Array
    readonly roleArn: string
  }) => Promise<void>
  /** The zone and network of a subnet; undefined when there is none of that name. */
  readonly findSubnet?: (region: string, subnet: string) => { vpc: string; zone: string } | undefined
  /** Keeps a generated master password and returns the secret's ARN. */
  readonly keepMasterSecret?: (secret: {
    readonly region: string
    readonly instance: string
    readonly resourceId: string
    readonly kmsKeyId: string | undefined
    readonly value: string
  }) => Promise<string> | string
  /** Lines for the twin's log. */
  readonly log?: (line: string) => void
}
