import * as iam from 'aws-cdk-lib/aws-iam'
import { partitionOf } from '../config/regions.ts'
import type { EnvironmentConfig } from '../config/schema.ts'
import { USER as ARCHIVER } from '../lambdas/archiver/names.ts'
import { ACTIONS as BACKUP_VERIFICATION } from '../lambdas/backup-verification/names.ts'
import { USER as EXAMINE } from '../lambdas/examine/names.ts'
import { USER as HEARTBEAT } from '../lambdas/heartbeat/names.ts'
import { ACTIONS as REAPER } from '../lambdas/reaper/names.ts'
import { COPY_PREFIX, ACTIONS as DRILL, TAGS } from '../lambdas/restore-drill/names.ts'
import { READER, USER as ROLL_FORWARD } from '../lambdas/roll-forward/names.ts'
import { USER as WORKLOAD } from '../lambdas/workload/names.ts'
import {
  bucketArn,
  connectArn,
  ENVIRONMENT_TAG,
  parameterGroup,
  productionIdentifiers,
  rdsArn,
} from './names.ts'

const TAGGING = 'rds:AddTagsToResource'

/** Where a statement holds: the environment and one of its regions. */
export type Place = { readonly config: EnvironmentConfig; readonly region: string }

/** An Allow. Conditions as IAM writes them. */
export function allow(
  actions: readonly string[],
  resources: readonly string[],
  conditions?: iam.PolicyStatementProps['conditions'],
): iam.PolicyStatement {
  return new iam.PolicyStatement({ actions: [...actions], resources: [...resources], conditions })
}

/** `heartbeat` enters the primary, as its own user. */
export function heartbeatMay({ config, region }: Place, primaryResourceId: string): iam.PolicyStatement[] {
  return [allow(['rds-db:connect'], [connectArn(config, region, primaryResourceId, HEARTBEAT)])]
}

/** `archiver` enters the primary as its own user and adds locked segments. It can delete none. */
export function archiverMay(place: Place, primaryResourceId: string, keyArn: string): iam.PolicyStatement[] {
  const { config, region } = place
  const segments = bucketArn(config, 'segments', region)
  return [
    allow(['rds-db:connect'], [connectArn(config, region, primaryResourceId, ARCHIVER)]),
    allow(
      ['s3:PutObject', 's3:PutObjectRetention', 's3:GetObject', 's3:AbortMultipartUpload'],
      [`${segments}/*`],
    ),
    allow(['s3:ListBucket'], [segments]),
    allow(['kms:GenerateDataKey', 'kms:Decrypt'], [keyArn]),
  ]
}

/** `archive-verification` reads every segment. */
export function archiveVerificationMay(place: Place, keyArn: string): iam.PolicyStatement[] {
  return readSegments(place, keyArn)
}

/** `roll-forward` reads the archive, writes to copies as its own user and reads the primary as the examiner. */
export function rollForwardMay(
  place: Place,
  primaryResourceId: string,
  keyArn: string,
): iam.PolicyStatement[] {
  const { config, region } = place
  return [
    ...readSegments(place, keyArn),
    allow(
      ['rds-db:connect'],
      [
        connectArn(config, region, '*', ROLL_FORWARD),
        connectArn(config, region, primaryResourceId, READER),
        connectArn(config, region, '*', READER),
      ],
    ),
    // The user exists on the primary too, since a copy is physical: here is what keeps it out.
    deny(['rds-db:connect'], [connectArn(config, region, primaryResourceId, ROLL_FORWARD)]),
  ]
}

function readSegments({ config, region }: Place, keyArn: string): iam.PolicyStatement[] {
  const segments = bucketArn(config, 'segments', region)
  return [
    allow(['s3:GetObject', 's3:GetObjectRetention'], [`${segments}/*`]),
    allow(['s3:ListBucket'], [segments]),
    allow(['kms:Decrypt'], [keyArn]),
  ]
}

/** `freshness` reads evidence and the list of segments, and asks RDS how far back it could go. */
export function freshnessMay(place: Place): iam.PolicyStatement[] {
  const { config, region } = place
  const evidence = bucketArn(config, 'evidence', region)
  return [
    allow(['rds:DescribeDBInstances', 'rds:DescribeDBInstanceAutomatedBackups'], ['*'], {
      StringEquals: { 'aws:RequestedRegion': [region] },
    }),
    allow(['s3:GetObject'], [`${evidence}/evidence/*`]),
    allow(['s3:ListBucket'], [evidence, bucketArn(config, 'segments', region)]),
  ]
}

/** `workload` enters the primary, as its own user. */
export function workloadMay({ config, region }: Place, primaryResourceId: string): iam.PolicyStatement[] {
  return [allow(['rds-db:connect'], [connectArn(config, region, primaryResourceId, WORKLOAD)])]
}

/** `examine` enters any instance of the region as its own user, since a copy's resource id is not known before. */
export function examineMay({ config, region }: Place): iam.PolicyStatement[] {
  return [allow(['rds-db:connect'], [connectArn(config, region, '*', EXAMINE)])]
}

/** `migrate` reads the one secret. */
export function migrateMay(secretArn: string): iam.PolicyStatement[] {
  return [allow(['secretsmanager:GetSecretValue'], [secretArn])]
}

/** `backup-verification` looks at everything that protects the database, in both regions, and changes nothing. */
export function backupVerificationMay(config: EnvironmentConfig): iam.PolicyStatement[] {
  const regions = [config.region, config.standbyRegion]
  const buckets = regions.flatMap(region =>
    (['segments', 'exports', 'evidence'] as const).map(purpose => bucketArn(config, purpose, region)),
  )
  return [
    allow(
      BACKUP_VERIFICATION.filter(action => !action.startsWith('s3:')),
      ['*'],
      { StringEquals: { 'aws:RequestedRegion': regions } },
    ),
    allow(
      BACKUP_VERIFICATION.filter(action => action.startsWith('s3:')),
      buckets,
    ),
  ]
}

/** What `restore-drill` needs to know of its region. */
export type DrillPlace = Place & {
  readonly dataKeyArn: string
  readonly evidenceKeyArn: string
  /** The examination, and the roll-forward where there is an archive. */
  readonly invokeArns: readonly string[]
}

/**
 * `restore-drill` restores production into `drill-<name>-*` and nowhere else, tagged or not at all, and changes or
 * deletes only what carries that tag. Production itself is out of its reach by an explicit Deny.
 */
export function restoreDrillMay(place: DrillPlace): iam.PolicyStatement[] {
  const { config, region, dataKeyArn, evidenceKeyArn, invokeArns } = place
  const evidence = bucketArn(config, 'evidence', region)
  const copies = copiesArn(place)
  const requestTag = { StringLike: { [`aws:RequestTag/${TAGS.drill}`]: '*' } }
  const restoring = DRILL.restore.filter(action => action !== TAGGING)
  return [
    allow(DRILL.look, ['*'], { StringEquals: { 'aws:RequestedRegion': [region] } }),
    // The tag is asked of what is made, not of what it is made from: what a restore reads is tagged by nobody's request.
    allow(restoring, restoreResources(place)),
    // By the tag that it has while it is there: as what is to be made, its name would be allowed once it is gone.
    allow(['rds:RestoreDBInstanceToPointInTime'], [rdsArn(config, region, 'db', config.name)], {
      StringEquals: { [`aws:ResourceTag/${ENVIRONMENT_TAG}`]: config.name },
    }),
    // Whatever a snapshot is called, the tag that it took over from its instance says whose it is.
    allow(['rds:RestoreDBInstanceFromDBSnapshot'], [rdsArn(config, region, 'snapshot', '*')], {
      StringEquals: { [`aws:ResourceTag/${ENVIRONMENT_TAG}`]: config.name },
    }),
    allow(restoring, [copies], requestTag),
    allow([TAGGING], [copies], requestTag),
    allow(DRILL.own, [copies], carriesDrillTag()),
    // The restored disk is encrypted with the key of its source; RDS takes a grant in the caller's name.
    allow(['kms:CreateGrant', 'kms:DescribeKey'], [dataKeyArn], {
      StringEquals: { 'kms:ViaService': `rds.${region}.amazonaws.com` },
    }),
    allow(DRILL.examine, [...invokeArns]),
    allow(DRILL.sign, [evidenceKeyArn]),
    allow(DRILL.keep, [`${evidence}/evidence/*`, `${evidence}/reports/*`]),
    allow(DRILL.list, [evidence]),
    allow(['kms:GenerateDataKey', 'kms:Decrypt'], [dataKeyArn]),
    ...protectProduction(config),
    new iam.PolicyStatement({
      sid: 'TagsOnCopiesOnly',
      effect: iam.Effect.DENY,
      actions: [TAGGING, 'rds:RemoveTagsFromResource'],
      notResources: [copies],
    }),
  ]
}

/** `reaper` deletes what a drill left behind, recognised by name and by tag. */
export function reaperMay(place: Place): iam.PolicyStatement[] {
  const { config, region } = place
  return [
    allow(REAPER.look, ['*'], { StringEquals: { 'aws:RequestedRegion': [region] } }),
    allow(REAPER.reapInstances, [copiesArn(place)], carriesDrillTag()),
    allow(REAPER.reapSnapshots, [rdsArn(config, region, 'snapshot', `${COPY_PREFIX}${config.name}-*`)]),
    // RDS names automated backups itself, so only the tag tells whose they are.
    allow(REAPER.reapBackups, [rdsArn(config, region, 'auto-backup', '*')], carriesDrillTag()),
    ...protectProduction(config),
  ]
}

function copiesArn({ config, region }: Place): string {
  return rdsArn(config, region, 'db', `${COPY_PREFIX}${config.name}-*`)
}

function carriesDrillTag(): Record<string, Record<string, string>> {
  return { StringLike: { [`aws:ResourceTag/${TAGS.drill}`]: '*' } }
}

function restoreResources(place: Place): string[] {
  const { config, region } = place
  const { name } = config
  return [
    rdsArn(config, region, 'pg', parameterGroup(config, 'drill')),
    rdsArn(config, region, 'subgrp', name),
    rdsArn(config, region, 'og', 'default:*'),
    rdsArn(config, region, 'auto-backup', '*'),
  ]
}

/** Whatever another statement may allow by mistake: nothing that changes an instance reaches production. */
function protectProduction(config: EnvironmentConfig): iam.PolicyStatement[] {
  return [
    new iam.PolicyStatement({
      sid: 'ProductionIsOutOfReach',
      effect: iam.Effect.DENY,
      // Reading is harmless, and a restore names its source; every other action of today and tomorrow is not.
      notActions: ['rds:Describe*', 'rds:ListTagsForResource', 'rds:RestoreDBInstanceToPointInTime'],
      resources: [config.region, config.standbyRegion].flatMap(region =>
        productionIdentifiers(config).map(
          identifier => `arn:${partitionOf(region)}:rds:${region}:${config.account}:db:${identifier}`,
        ),
      ),
    }),
  ]
}

function deny(actions: readonly string[], resources: readonly string[]): iam.PolicyStatement {
  return new iam.PolicyStatement({
    effect: iam.Effect.DENY,
    actions: [...actions],
    resources: [...resources],
  })
}
