import { describe, expect, test } from '@jest/globals'
import type { Danger } from '../../../config/change/danger.ts'
import { dangers, type Properties, resource } from './changing.ts'

const TLS = {
  Sid: 'TlsOnly',
  Effect: 'Deny',
  Principal: '*',
  Action: 's3:*',
  Resource: ['arn:aws:s3:::shop-prod-segments', 'arn:aws:s3:::shop-prod-segments/*'],
  Condition: { Bool: { 'aws:SecureTransport': 'false' } },
}
const READ = { Effect: 'Allow', Principal: '*', Action: 's3:GetObject', Resource: '*' }
const bucket = resource('AWS::S3::Bucket', { BucketName: 'shop-prod-segments' })
const policyOf = (...Statement: Properties[]) =>
  resource('AWS::S3::BucketPolicy', { Bucket: { Ref: 'Segments' }, PolicyDocument: { Statement } })
const stays = /forbids no more what "TlsOnly" forbade/

/** Dangers of putting other statements into the policy of a bucket that stays. */
function changing(before: Properties[], after: Properties[]): Danger[] {
  return dangers(
    { Segments: bucket, Policy: policyOf(...before) },
    { Segments: bucket, Policy: policyOf(...after) },
  )
}

describe('what a policy forbids', () => {
  test('stays forbidden when the policy goes and its bucket does not', () => {
    expect(dangers({ Segments: bucket, Policy: policyOf(TLS) }, { Segments: bucket })).toEqual([
      expect.objectContaining({ logicalId: 'Policy', consequence: expect.stringMatching(stays) }),
    ])
  })

  test('may move into another policy of the same bucket', () => {
    expect(
      dangers({ Segments: bucket, Policy: policyOf(TLS) }, { Segments: bucket, Other: policyOf(TLS) }),
    ).toEqual([])
  })

  test('goes with its bucket without another word', () => {
    expect(
      dangers({ Segments: bucket, Policy: policyOf(TLS) }, {}).map(({ logicalId }) => logicalId),
    ).toEqual(['Segments'])
  })

  test('is not cried over where it forbade nothing', () => {
    expect(dangers({ Segments: bucket, Policy: policyOf(READ) }, { Segments: bucket })).toEqual([])
  })

  test.each<[string, Properties[]]>([
    ['no statement', []],
    ['an allowing one', [{ ...TLS, Effect: 'Allow' }]],
    ['fewer actions', [{ ...TLS, Action: 's3:GetObject' }]],
    ['fewer resources', [{ ...TLS, Resource: 'arn:aws:s3:::shop-prod-segments' }]],
    ['fewer principals', [{ ...TLS, Principal: { AWS: '111111111111' } }]],
    ['one more condition', [{ ...TLS, Condition: { ...TLS.Condition, Null: { 'aws:SourceVpc': 'true' } } }]],
  ])('stays forbidden: %s in its place is refused', (_, after) => {
    expect(changing([TLS, READ], after)).toEqual([
      expect.objectContaining({ property: 'PolicyDocument', consequence: expect.stringMatching(stays) }),
    ])
  })

  test.each<[string, Properties[]]>([
    ['another name', [{ ...TLS, Sid: 'Encrypted' }]],
    ['one more resource', [{ ...TLS, Resource: [...TLS.Resource, 'arn:aws:s3:::shop-prod-exports'] }]],
    ['no condition', [{ ...TLS, Condition: undefined }]],
    ['every action', [{ ...TLS, Action: '*' }]],
    ['another statement beside it', [READ, TLS]],
  ])('may become more: %s', (_, after) => {
    expect(changing([TLS], after)).toEqual([])
  })

  test('below a bound stays forbidden up to that bound', () => {
    const days = (bound: string) => ({
      ...TLS,
      Condition: { NumericLessThan: { 's3:object-lock-remaining-retention-days': bound } },
    })
    expect(changing([days('29')], [days('6')])).toHaveLength(1)
    expect(changing([days('29')], [days('364')])).toEqual([])
  })

  test('by leaving actions out stays forbidden: one more left out is refused, one less is not', () => {
    const reach = (...NotAction: string[]) => ({ ...TLS, Action: undefined, NotAction })
    expect(changing([reach('rds:Describe*')], [reach('rds:Describe*', 'rds:DeleteDBInstance')])).toHaveLength(
      1,
    )
    expect(changing([reach('rds:Describe*', 'rds:DeleteDBInstance')], [reach('rds:Describe*')])).toEqual([])
  })

  test('of an instance ends with the instance', () => {
    const replica = resource('AWS::RDS::DBInstance', { DBInstanceIdentifier: 'shop-prod-read-1' })
    const reach = (...names: string[]) =>
      resource('AWS::IAM::Policy', {
        Roles: [{ Ref: 'Role' }],
        PolicyDocument: {
          Statement: [
            {
              Sid: 'ProductionIsOutOfReach',
              Effect: 'Deny',
              Action: 'rds:*',
              Resource: names.map(name => `arn:aws:rds:us-east-1:111111111111:db:${name}`),
            },
          ],
        },
      })
    const Role = resource('AWS::IAM::Role', {})
    const before = { Role, Replica: replica, Policy: reach('shop-prod', 'shop-prod-read-1') }
    expect(dangers(before, { Role, Policy: reach('shop-prod') }).map(({ logicalId }) => logicalId)).toEqual([
      'Replica',
    ])
    expect(
      dangers(before, { Role, Replica: replica, Policy: reach('shop-prod') }).map(
        ({ consequence }) => consequence,
      ),
    ).toEqual(['AWS::IAM::Policy forbids no more what "ProductionIsOutOfReach" forbade'])
  })
})
