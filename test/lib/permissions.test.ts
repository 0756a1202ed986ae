import { describe, expect, test } from '@jest/globals'
import { assembly } from '../support/assembly.ts'
import { judgeOf } from '../support/permissions.ts'

const prod = await assembly('prod')
const home = prod.template('recovery')
const standby = prod.template('standby-recovery')

const RDS = 'arn:aws:rds:us-east-1:111111111111'
const COPY = `${RDS}:db:drill-shop-prod-0123456789`
const OURS = { 'aws:ResourceTag/holdfast:environment': 'shop-prod' }
const TAGGED = { ...OURS, 'aws:ResourceTag/holdfast:drill': '0123456789' }
const RESTORED = { ...OURS, 'aws:ResourceTag/holdfast:restored': 'shop-prod' }
const TAGGING = {
  'aws:RequestTag/holdfast:environment': 'shop-prod',
  'aws:RequestTag/holdfast:drill': '0123456789',
  'aws:RequestTag/holdfast:expires': '2026-11-20T14:00:00Z',
}
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

  test.each(Object.keys(TAGGING))(
    'restores nothing without %s, which says whose copy it is and how long',
    tag => {
      const { [tag as keyof typeof TAGGING]: _, ...rest } = TAGGING
      expect(may('rds:RestoreDBInstanceToPointInTime', COPY, rest)).toBe('not allowed')
      expect(may('rds:RestoreDBInstanceFromDBSnapshot', COPY, rest)).toBe('not allowed')
    },
  )

  test('restores no other class than production’s and nothing public, and makes no copy so later', () => {
    for (const action of ['rds:RestoreDBInstanceToPointInTime', 'rds:RestoreDBInstanceFromDBSnapshot'])
      for (const [asked, answer] of [
        [{ 'rds:DatabaseClass': 'db.r6g.xlarge', 'rds:PubliclyAccessible': 'false' }, 'allowed'],
        [{ 'rds:DatabaseClass': 'db.r6g.16xlarge' }, 'denied'],
        [{ 'rds:PubliclyAccessible': 'true' }, 'denied'],
      ] as const)
        expect([action, asked, may(action, COPY, { ...TAGGING, ...asked })]).toEqual([action, asked, answer])
    expect(may('rds:ModifyDBInstance', COPY, { ...TAGGED, 'rds:PubliclyAccessible': 'true' })).toBe('denied')
    expect(may('rds:ModifyDBInstance', COPY, { ...TAGGED, 'rds:DatabaseClass': 'db.r6g.16xlarge' })).toBe(
      'denied',
    )
  })

  test('changes and deletes no copy of an environment whose name goes on from its own', () => {
    const theirs = { ...TAGGED, 'aws:ResourceTag/holdfast:environment': 'shop-prod-eu' }
    for (const verb of ['RestoreDrill', 'Reaper'])
      expect(judgeOf(home, verb)('rds:DeleteDBInstance', `${RDS}:db:drill-shop-prod-eu-1`, theirs)).toBe(
        'not allowed',
      )
  })

  test('makes nothing under production’s name, were production gone', () => {
    for (const asked of [{}, TAGGING])
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
  const enter = (verb: string, name: string, tags: Readonly<Record<string, string>>) =>
    judgeOf(home, verb)('rds-db:connect', `arn:aws:rds-db:us-east-1:111111111111:dbuser:db-ANY/${name}`, tags)
  const OTHERS = { 'aws:ResourceTag/holdfast:environment': 'shop-dev' }
  const COPY_OF_OTHERS = { ...TAGGED, ...OTHERS }

  test.each([
    ['Heartbeat', 'holdfast_heartbeat'],
    ['Archiver', 'holdfast_archiver'],
    ['Workload', 'holdfast_workload'],
  ])('%s enters production only, as %s only', (verb, name) => {
    expect(enter(verb, name, OURS)).toBe('allowed')
    for (const tags of [{}, TAGGED, RESTORED, OTHERS]) expect(enter(verb, name, tags)).toBe('not allowed')
    expect(enter(verb, 'holdfast_admin', OURS)).toBe('not allowed')
  })

  test('examine enters production and its copies, as its own user only', () => {
    for (const tags of [OURS, TAGGED, { ...RESTORED, ...TAGGED }])
      expect(enter('Examine', 'holdfast_examine', tags)).toBe('allowed')
    for (const tags of [{}, RESTORED, OTHERS, COPY_OF_OTHERS])
      expect(enter('Examine', 'holdfast_examine', tags)).toBe('not allowed')
    expect(enter('Examine', 'holdfast_admin', TAGGED)).toBe('not allowed')
  })

  test('examine lets SQL of users run on copies, and is denied whatever is none', () => {
    const name = 'holdfast_assert'
    for (const tags of [TAGGED, { ...RESTORED, ...TAGGED }])
      expect(enter('Examine', name, tags)).toBe('allowed')
    for (const tags of [{}, OURS, RESTORED, OTHERS]) expect(enter('Examine', name, tags)).toBe('denied')
    expect(enter('Examine', name, COPY_OF_OTHERS)).toBe('not allowed')
  })

  test.each(['holdfast_roll_forward', 'holdfast_schema'])(
    'roll-forward writes to copies as %s and is denied whatever is none',
    name => {
      for (const tags of [TAGGED, { ...RESTORED, ...TAGGED }])
        expect(enter('RollForward', name, tags)).toBe('allowed')
      for (const tags of [{}, OURS, RESTORED, OTHERS]) expect(enter('RollForward', name, tags)).toBe('denied')
      expect(enter('RollForward', name, COPY_OF_OTHERS)).toBe('not allowed')
      expect(enter('RollForward', 'holdfast_examine', OURS)).toBe('allowed')
      expect(enter('RollForward', 'holdfast_examine', RESTORED)).toBe('not allowed')
    },
  )
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
