import { describe, expect, test } from '@jest/globals'
import { assembly } from '../support/assembly.ts'
import { judgeOf } from '../support/permissions.ts'

const prod = await assembly('prod')
const home = prod.template('recovery')
const standby = prod.template('standby-recovery')

const RDS = 'arn:aws:rds:us-east-1:111111111111'
const COPY = `${RDS}:db:drill-shop-prod-0123456789`
const TAGGED = { 'aws:ResourceTag/holdfast:drill': '0123456789' }
const TAGGING = { 'aws:RequestTag/holdfast:drill': '0123456789' }
const PRODUCTION = [
  'shop-prod',
  'shop-prod-read-1',
  'shop-prod-read-2',
  'shop-prod-analytics',
  'shop-prod-standby',
]
const MUTATIONS = [
  'rds:DeleteDBInstance',
  'rds:ModifyDBInstance',
  'rds:RebootDBInstance',
  'rds:StopDBInstance',
  'rds:PromoteReadReplica',
  'rds:AddTagsToResource',
  'rds:RemoveTagsFromResource',
  'rds:StopDBInstanceAutomatedBackupsReplication',
]

describe('restore-drill', () => {
  const may = judgeOf(home, 'RestoreDrill')

  test('restores production into a tagged drill copy', () => {
    const living = { ...TAGGING, 'aws:ResourceTag/holdfast:environment': 'shop-prod' }
    expect(may('rds:RestoreDBInstanceToPointInTime', `${RDS}:db:shop-prod`, living)).toBe('allowed')
    for (const resource of [COPY, `${RDS}:pg:shop-prod-drill-postgres18`, `${RDS}:subgrp:shop-prod`])
      expect(may('rds:RestoreDBInstanceToPointInTime', resource, TAGGING)).toBe('allowed')
    expect(may('rds:AddTagsToResource', COPY, TAGGING)).toBe('allowed')
  })

  test('restores nothing without the drill tag, and into no other name', () => {
    expect(may('rds:RestoreDBInstanceToPointInTime', COPY)).toBe('not allowed')
    expect(may('rds:RestoreDBInstanceToPointInTime', `${RDS}:db:shop-prod-2`, TAGGING)).toBe('not allowed')
    expect(may('rds:RestoreDBInstanceToPointInTime', `${RDS}:pg:shop-prod-postgres18`, TAGGING)).toBe(
      'not allowed',
    )
    expect(may('rds:RestoreDBInstanceToPointInTime', `${RDS}:db:drill-shop-staging-1`, TAGGING)).toBe(
      'not allowed',
    )
  })

  test('makes nothing under production’s name, were production gone', () => {
    for (const asked of [{}, TAGGING, { 'aws:RequestTag/holdfast:environment': 'shop-prod', ...TAGGING }])
      expect(may('rds:RestoreDBInstanceToPointInTime', `${RDS}:db:shop-prod`, asked)).toBe('not allowed')
    expect(may('rds:RestoreDBInstanceFromDBSnapshot', `${RDS}:db:shop-prod`, TAGGING)).toBe('denied')
  })

  test('changes and deletes a copy only while the copy carries the tag', () => {
    for (const action of ['rds:ModifyDBInstance', 'rds:DeleteDBInstance']) {
      expect(may(action, COPY, TAGGED)).toBe('allowed')
      expect(may(action, COPY)).toBe('not allowed')
    }
  })

  test.each(PRODUCTION)('is denied every change of %s, whatever tag it bears', identifier => {
    const region = identifier === 'shop-prod-standby' ? 'us-west-2' : 'us-east-1'
    for (const action of MUTATIONS)
      expect([
        action,
        may(action, `arn:aws:rds:${region}:111111111111:db:${identifier}`, { ...TAGGED, ...TAGGING }),
      ]).toEqual([action, 'denied'])
  })

  test('restores every snapshot of its environment, whatever it is called, and no other', () => {
    const restore = (snapshot: string, environment?: string) =>
      may('rds:RestoreDBInstanceFromDBSnapshot', `${RDS}:snapshot:${snapshot}`, {
        ...TAGGING,
        ...(environment === undefined ? {} : { 'aws:ResourceTag/holdfast:environment': environment }),
      })
    expect(restore('rds:shop-prod-2026-11-20', 'shop-prod')).toBe('allowed')
    expect(restore('awsbackup:job-1', 'shop-prod')).toBe('allowed')
    expect(restore('shop-prod-by-hand', 'shop-staging')).toBe('not allowed')
    expect(restore('shop-prod-by-hand')).toBe('not allowed')
  })

  test('cannot make something else look like a drill copy', () => {
    expect(may('rds:AddTagsToResource', `${RDS}:db:other`, TAGGING)).toBe('denied')
    expect(may('rds:RemoveTagsFromResource', `${RDS}:snapshot:other`)).toBe('denied')
  })

  test('adds to the evidence and takes nothing from it', () => {
    const record = 'arn:aws:s3:::shop-prod-evidence-111111111111-us-east-1/evidence/1.json'
    for (const action of ['s3:PutObject', 's3:GetObject', 's3:PutObjectRetention'])
      expect(may(action, record)).toBe('allowed')
    for (const action of ['s3:DeleteObject', 's3:DeleteObjectVersion', 's3:BypassGovernanceRetention'])
      expect(may(action, record)).toBe('not allowed')
  })

  test('signs with the evidence key, and reaches no database and no secret', () => {
    expect(
      may('kms:Sign', '<shop-prod-foundation.PublishOutputFnGetAttKeysEvidenceD6C1F6DBArn63A5EC25>'),
    ).toBe('allowed')
    expect(may('rds-db:connect', 'arn:aws:rds-db:us-east-1:111111111111:dbuser:db-A/holdfast_examine')).toBe(
      'not allowed',
    )
    expect(may('secretsmanager:GetSecretValue', '<MasterSecret892167EF>')).toBe('not allowed')
  })

  test('of the standby region works there and only there', () => {
    const there = judgeOf(standby, 'RestoreDrill')
    const west = 'arn:aws:rds:us-west-2:111111111111'
    expect(there('rds:RestoreDBInstanceToPointInTime', `${west}:auto-backup:ab-1`, TAGGING)).toBe('allowed')
    expect(there('rds:DeleteDBInstance', `${west}:db:drill-shop-prod-1`, TAGGED)).toBe('allowed')
    expect(there('rds:DeleteDBInstance', COPY, TAGGED)).toBe('not allowed')
    expect(there('rds:DeleteDBInstance', `${west}:db:shop-prod-standby`, TAGGED)).toBe('denied')
  })
})

describe('reaper', () => {
  const may = judgeOf(home, 'Reaper')

  test('deletes tagged drill copies and nothing else', () => {
    expect(may('rds:DeleteDBInstance', COPY, TAGGED)).toBe('allowed')
    expect(may('rds:DeleteDBInstance', COPY)).toBe('not allowed')
    expect(may('rds:ModifyDBInstance', COPY, TAGGED)).toBe('not allowed')
    for (const identifier of PRODUCTION.slice(0, 4))
      expect(may('rds:DeleteDBInstance', `${RDS}:db:${identifier}`, TAGGED)).toBe('denied')
  })

  test('cannot delete the automated backups or snapshots of production', () => {
    expect(may('rds:DeleteDBInstanceAutomatedBackup', `${RDS}:auto-backup:ab-1`)).toBe('not allowed')
    expect(may('rds:DeleteDBSnapshot', `${RDS}:snapshot:rds:shop-prod-2026-11-20`)).toBe('not allowed')
  })
})

describe('a function that enters the database', () => {
  const user = (resource: string, name: string) =>
    `arn:aws:rds-db:us-east-1:111111111111:dbuser:${resource}/${name}`
  // The resource id of the primary, as the other stack gives it.
  const primary = '<shop-prod-database.PublishOutputFnGetAttPrimaryDbiResourceId81DD16DD>'

  test.each([
    ['Heartbeat', 'holdfast_heartbeat'],
    ['Archiver', 'holdfast_archiver'],
  ])('%s enters the primary only, as %s only', (verb, name) => {
    const may = judgeOf(home, verb)
    expect(may('rds-db:connect', user(primary, name))).toBe('allowed')
    expect(may('rds-db:connect', user('db-COPY', name))).toBe('not allowed')
    expect(may('rds-db:connect', user(primary, 'holdfast_admin'))).toBe('not allowed')
  })

  test('examine enters any instance, as its own user only', () => {
    const may = judgeOf(home, 'Examine')
    expect(may('rds-db:connect', user('db-COPY', 'holdfast_examine'))).toBe('allowed')
    expect(may('rds-db:connect', user('db-COPY', 'holdfast_admin'))).toBe('not allowed')
  })

  test('roll-forward writes to copies and is denied the primary', () => {
    const may = judgeOf(home, 'RollForward')
    expect(may('rds-db:connect', user('db-COPY', 'holdfast_roll_forward'))).toBe('allowed')
    expect(may('rds-db:connect', user(primary, 'holdfast_roll_forward'))).toBe('denied')
  })
})

test('archiver adds segments and can delete none', () => {
  const may = judgeOf(home, 'Archiver')
  const segment = 'arn:aws:s3:::shop-prod-segments-111111111111-us-east-1/segments/1'
  for (const action of ['s3:PutObject', 's3:GetObject', 's3:PutObjectRetention'])
    expect(may(action, segment)).toBe('allowed')
  for (const action of ['s3:DeleteObject', 's3:DeleteObjectVersion'])
    expect(may(action, segment)).toBe('not allowed')
  expect(may('s3:PutObject', 'arn:aws:s3:::shop-prod-evidence-111111111111-us-east-1/x')).toBe('not allowed')
})

test('backup-verification looks in both regions and changes nothing', () => {
  const may = judgeOf(home, 'BackupVerification')
  for (const region of ['us-east-1', 'us-west-2'])
    expect(may('rds:DescribeDBInstances', `arn:aws:rds:${region}:111111111111:db:shop-prod`)).toBe('allowed')
  expect(may('rds:DescribeDBInstances', 'arn:aws:rds:eu-west-1:111111111111:db:shop-prod')).toBe(
    'not allowed',
  )
  for (const action of [...MUTATIONS, 's3:PutObject', 'backup:DeleteRecoveryPoint'])
    expect(may(action, `${RDS}:db:shop-prod`)).toBe('not allowed')
})

test('migrate reads the one secret', () => {
  const may = judgeOf(home, 'Migrate')
  expect(
    may('secretsmanager:GetSecretValue', '<shop-prod-database.PublishOutputRefMasterSecret892167EFAA4C0793>'),
  ).toBe('allowed')
  expect(
    may('secretsmanager:GetSecretValue', 'arn:aws:secretsmanager:us-east-1:111111111111:secret:other'),
  ).toBe('not allowed')
})
