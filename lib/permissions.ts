import * as iam from 'aws-cdk-lib/aws-iam'
import { partitionOf } from '../config/regions.ts'
import type { EnvironmentConfig } from '../config/schema.ts'
import { USER as ARCHIVER } from '../lambdas/archiver/names.ts'
import { ACTIONS as BACKUP_VERIFICATION } from '../lambdas/backup-verification/names.ts'
import { ASSERT_USER, USER as EXAMINE, WITNESS } from '../lambdas/examine/names.ts'
import { USER as HEARTBEAT } from '../lambdas/heartbeat/names.ts'
import { ACTIONS as REAPER } from '../lambdas/reaper/names.ts'
import { COPY_PREFIX, ACTIONS as DRILL, TAGS } from '../lambdas/restore-drill/names.ts'
import { READER, USER as ROLL_FORWARD, SCHEMA_USER } from '../lambdas/roll-forward/names.ts'
import { USER as WORKLOAD } from '../lambdas/workload/names.ts'
import {
  bucketArn,
  connectArn,
  ENVIRONMENT_TAG,
  evidenceKeyAlias,
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

/** `heartbeat` enters production, as its own user. */
export function heartbeatMay(place: Place): iam.PolicyStatement[] {
  return [enterProduction(place, HEARTBEAT)]
}

/** `archiver` enters production as its own user and adds locked segments. It can delete none. */
export function archiverMay(place: Place, keyArn: string): iam.PolicyStatement[] {
  const { config, region } = place
  const segments = bucketArn(config, 'segments', region)
  return [
    enterProduction(place, ARCHIVER),
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

/** `roll-forward` reads the archive, writes to copies as its own two users and reads production and copies as the examiner. */
export function rollForwardMay(place: Place, keyArn: string): iam.PolicyStatement[] {
  return [
    ...readSegments(place, keyArn),
    enterCopies(place, READER),
    enterProduction(place, READER),
    ...enterCopiesOnly(place, ROLL_FORWARD),
    ...enterCopiesOnly(place, SCHEMA_USER),
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
    // Each region's chain is signed by its own key, whose id is not known in the other: its alias is.
    allow(
      ['kms:GetPublicKey'],
      [config.region, config.standbyRegion].map(
        where => `arn:${partitionOf(where)}:kms:${where}:${config.account}:key/*`,
      ),
      { 'ForAnyValue:StringEquals': { 'kms:ResourceAliases': [evidenceKeyAlias(config)] } },
    ),
  ]
}

/** `workload` enters production, as its own user. */
export function workloadMay(place: Place): iam.PolicyStatement[] {
  return [enterProduction(place, WORKLOAD)]
}

/**
 * `examine` enters production and its copies as its own user, and copies alone as the user that runs SQL of users. Where
 * there is an archive it reads that, and adds to the witness beside it.
 * @param keyArn of the archive's key
 */
export function examineMay(place: Place, keyArn?: string): iam.PolicyStatement[] {
  return [
    enterProduction(place, EXAMINE),
    enterCopies(place, EXAMINE),
    ...enterCopiesOnly(place, ASSERT_USER),
    ...(keyArn === undefined ? [] : keepWitness(place, keyArn)),
  ]
}

function keepWitness(place: Place, keyArn: string): iam.PolicyStatement[] {
  const seen = `${bucketArn(place.config, 'segments', place.region)}/${WITNESS}*`
  return [
    ...readSegments(place, keyArn),
    allow(['s3:PutObject', 's3:PutObjectRetention'], [seen]),
    allow(['kms:GenerateDataKey'], [keyArn]),
  ]
}

/**
 * May enter every instance that serves this environment as that user, and none that was restored: an instance that
 * `holdfast restore` made is nobody's of ours until a person takes the tag from it. `rds-db:connect` knows one
 * condition key, `aws:ResourceTag`: https://docs.aws.amazon.com/service-authorization/latest/reference/list_rds-db.html,
 * read 2026-11-30. That it holds the tags of the instance stands in `docs/not-yet-seen.md`.
 */
export function enterProduction({ config, region }: Place, user: string): iam.PolicyStatement {
  return allow(['rds-db:connect'], [connectArn(config, region, user)], {
    StringEquals: ofEnvironment(config),
    Null: {
      [`aws:ResourceTag/${TAGS.drill}`]: 'true',
      [`aws:ResourceTag/${TAGS.restored}`]: 'true',
    },
  })
}

/** May enter every copy of this environment that a drill or a restore is working on, as that user. */
function enterCopies({ config, region }: Place, user: string): iam.PolicyStatement {
  return allow(['rds-db:connect'], [connectArn(config, region, user)], carriesDrillTag(config))
}

/**
 * The user exists on the primary and its replicas too, since a copy is physical: here is what keeps it out of every
 * instance that is no copy, whatever another statement may allow by mistake.
 */
function enterCopiesOnly(place: Place, user: string): iam.PolicyStatement[] {
  return [
    enterCopies(place, user),
    deny(['rds-db:connect'], [connectArn(place.config, place.region, user)], {
      Null: { [`aws:ResourceTag/${TAGS.drill}`]: 'true' },
    }),
  ]
}

function ofEnvironment(config: EnvironmentConfig): Record<string, string> {
  return { [`aws:ResourceTag/${ENVIRONMENT_TAG}`]: config.name }
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
  const requestTag = {
    StringEquals: { [`aws:RequestTag/${ENVIRONMENT_TAG}`]: config.name },
    StringLike: { [`aws:RequestTag/${TAGS.drill}`]: '*', [`aws:RequestTag/${TAGS.expires}`]: '20*' },
  }
  const restoring = DRILL.restore.filter(action => action !== TAGGING)
  return [
    allow(DRILL.look, ['*'], { StringEquals: { 'aws:RequestedRegion': [region] } }),
    // The tag is asked of what is made, not of what it is made from: what a restore reads is tagged by nobody's request.
    allow(restoring, restoreResources(place)),
    // By the tag that it has while it is there: as what is to be made, its name would be allowed once it is gone.
    allow(['rds:RestoreDBInstanceToPointInTime'], [rdsArn(config, region, 'db', config.name)], {
      StringEquals: ofEnvironment(config),
    }),
    // Whatever a snapshot is called, the tag that it took over from its instance says whose it is.
    allow(['rds:RestoreDBInstanceFromDBSnapshot'], [rdsArn(config, region, 'snapshot', '*')], {
      StringEquals: ofEnvironment(config),
    }),
    allow(restoring, [copies], requestTag),
    allow([TAGGING], [copies], requestTag),
    allow(DRILL.own, [copies], carriesDrillTag(config)),
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
    ...plainCopiesOnly(place),
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
    allow(REAPER.reapInstances, [copiesArn(place)], carriesDrillTag(config)),
    allow(REAPER.reapSnapshots, [rdsArn(config, region, 'snapshot', `${COPY_PREFIX}${config.name}-*`)]),
    // RDS names automated backups itself, so only the tag tells whose they are.
    allow(REAPER.reapBackups, [rdsArn(config, region, 'auto-backup', '*')], carriesDrillTag(config)),
    ...protectProduction(config),
  ]
}

/**
 * A copy has production's class and no public address, neither at its birth nor later. As a Deny for what the call
 * does say: RDS is not documented to fill these keys in for every call, and an Allow would then refuse every restore.
 * `rds:DatabaseClass` stands in https://docs.aws.amazon.com/service-authorization/latest/reference/list_rds.html,
 * `rds:PubliclyAccessible` in policies that others run; the subnets have no way out in any case.
 */
function plainCopiesOnly(place: Place): iam.PolicyStatement[] {
  const actions = [...DRILL.restore, ...DRILL.own].filter(
    action => action !== TAGGING && !action.startsWith('rds:Delete'),
  )
  return [
    deny(actions, [copiesArn(place)], {
      Null: { 'rds:DatabaseClass': 'false' },
      StringNotEquals: { 'rds:DatabaseClass': `db.${place.config.database.instance}` },
    }),
    deny(actions, [copiesArn(place)], { Bool: { 'rds:PubliclyAccessible': 'true' } }),
  ]
}

function copiesArn({ config, region }: Place): string {
  return rdsArn(config, region, 'db', `${COPY_PREFIX}${config.name}-*`)
}

/** The environment's too: of `shop-prod` and `shop-prod-eu`, the copies of the one are called as if they were the other's. */
function carriesDrillTag(config: EnvironmentConfig): Record<string, Record<string, string>> {
  return {
    StringEquals: ofEnvironment(config),
    StringLike: { [`aws:ResourceTag/${TAGS.drill}`]: '*' },
  }
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

function deny(
  actions: readonly string[],
  resources: readonly string[],
  conditions: iam.PolicyStatementProps['conditions'],
): iam.PolicyStatement {
  return new iam.PolicyStatement({
    effect: iam.Effect.DENY,
    actions: [...actions],
    resources: [...resources],
    conditions,
  })
}
