import { describe, expect, test } from '@jest/globals'
import { compareAssemblies } from '../../../bin/diff/compare.ts'
import { dangersOf } from '../../../config/change.ts'
import { changing, DB, PRIMARY, type Properties, REPLICA, resource } from './changing.ts'

describe('a version', () => {
  const told = (before: Properties, after: Properties) =>
    changing(DB, { ...PRIMARY, ...before }, { ...PRIMARY, ...after }).map(danger => danger.consequence)

  test.each([
    ['18.2', '18.1'],
    ['18.2', '17.9'],
    ['18', '17'],
  ])('does not go back from %s to %s', (from, to) => {
    expect(told({ EngineVersion: from }, { EngineVersion: to })).toEqual([
      `AWS::RDS::DBInstance "shop-prod" cannot go back from ${from} to ${to}: RDS refuses`,
    ])
  })

  test('goes to another major only where that is allowed, and is told even then', () => {
    expect(told({ EngineVersion: '17.9' }, { EngineVersion: '18' })).toEqual([
      expect.stringMatching(/cannot go from 17 to 18: RDS refuses it without AllowMajorVersionUpgrade/),
    ])
    expect(told({ EngineVersion: '17.9' }, { EngineVersion: '18', AllowMajorVersionUpgrade: true })).toEqual([
      expect.stringMatching(/is upgraded from 17 to 18: an outage, no way back/),
    ])
  })

  test('of a minor kind goes up without a word, also from one that RDS chose', () => {
    expect(told({ EngineVersion: '18.2' }, { EngineVersion: '18.3' })).toEqual([])
    expect(told({ EngineVersion: '18' }, { EngineVersion: '18.3' })).toEqual([])
    expect(told({ EngineVersion: '18.3' }, { EngineVersion: '18' })).toEqual([])
  })

  test('of a source goes up after its replicas, those of another region included', () => {
    const standby = {
      ...REPLICA,
      SourceDBInstanceIdentifier: 'arn:aws:rds:us-east-1:111111111111:db:shop-prod',
    }
    const deployed = (EngineVersion: string) => ({
      templates: new Map([
        ['database', { Resources: { It: resource(DB, { ...PRIMARY, EngineVersion }) } }],
        ['standby-database', { Resources: { It: resource(DB, standby) } }],
      ]),
      regions: new Map(),
    })
    const found = dangersOf(compareAssemblies(deployed('18.2'), deployed('18.3')))
    expect(found.map(danger => danger.consequence)).toEqual([
      'AWS::RDS::DBInstance "shop-prod" cannot go to 18.3 before its replicas: RDS refuses while one of shop-prod-read-1 is older',
    ])
    expect(found[0]?.hint).toContain('--engine-version 18.3 --apply-immediately')
  })
})
