import { compareTemplates } from '../../../bin/diff/compare.ts'
import type { Danger, Resource } from '../../../config/change/danger.ts'
import { dangersOf } from '../../../config/change.ts'

export type Properties = Readonly<Record<string, unknown>>
type Resources = Readonly<Record<string, Resource>>

export const DB = 'AWS::RDS::DBInstance'

/** Dangers between two sets of resources of one stack, as CloudFormation's own specification sees them. */
export function dangers(before: Resources, after: Resources): Danger[] {
  return dangersOf(compareTemplates('shop-prod-database', { Resources: before }, { Resources: after }))
}

export function resource(Type: string, Properties: Properties, rest: Partial<Resource> = {}): Resource {
  return { Type, Properties, DeletionPolicy: 'Retain', UpdateReplacePolicy: 'Retain', ...rest }
}

/** Dangers of changing some properties of one resource. */
export function changing(type: string, before: Properties, after: Properties): Danger[] {
  return dangers({ It: resource(type, before) }, { It: resource(type, after) })
}

export const PRIMARY = {
  DBInstanceIdentifier: 'shop-prod',
  Engine: 'postgres',
  EngineVersion: '18.2',
  AllocatedStorage: '200',
  StorageType: 'gp3',
  KmsKeyId: { 'Fn::GetAtt': ['Key', 'Arn'] },
  MasterUsername: 'holdfast_admin',
  BackupRetentionPeriod: 14,
  DeletionProtection: true,
  DeleteAutomatedBackups: false,
  MultiAZ: true,
}
export const REPLICA = { DBInstanceIdentifier: 'shop-prod-read-1', SourceDBInstanceIdentifier: 'shop-prod' }
