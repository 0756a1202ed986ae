import { describe, expect, test } from '@jest/globals'
import { assembly } from '../support/assembly.ts'

const prod = await assembly('prod')
const dev = await assembly('dev')

describe('the cache', () => {
  const group = prod.only('cache', 'AWS::ElastiCache::ReplicationGroup')

  test('is Valkey on three nodes in several zones, encrypted on disk and on the wire', () => {
    expect(group.Properties).toMatchObject({
      Engine: 'valkey',
      NumCacheClusters: 3,
      MultiAZEnabled: true,
      AutomaticFailoverEnabled: true,
      TransitEncryptionEnabled: true,
      TransitEncryptionMode: 'required',
      AtRestEncryptionEnabled: true,
      SnapshotRetentionLimit: 15,
    })
    expect(group.Properties.KmsKeyId).toBeDefined()
    expect(group.DeletionPolicy).toBe('RetainExceptOnCreate')
  })

  test('is entered by one user with an IAM token, who cannot empty or reconfigure it', () => {
    const user = prod.only('cache', 'AWS::ElastiCache::User').Properties
    expect(user).toMatchObject({
      UserId: 'shop-prod-app',
      UserName: 'shop-prod-app',
      AuthenticationMode: { Type: 'iam' },
    })
    expect(user.AccessString).toBe('on ~* &* +@all -@dangerous -@admin +info')
    expect(group.Properties.UserGroupIds).toHaveLength(1)
  })

  test('evicts instead of refusing writes, takes patches by itself, and tells what is slow and what is wrong', () => {
    expect(prod.only('cache', 'AWS::ElastiCache::ParameterGroup').Properties).toMatchObject({
      CacheParameterGroupFamily: 'valkey8',
      Properties: { 'maxmemory-policy': 'allkeys-lfu' },
    })
    expect(group.Properties.AutoMinorVersionUpgrade).toBe(true)
    const logs: readonly { LogType: string }[] = group.Properties.LogDeliveryConfigurations
    expect(logs.map(log => log.LogType)).toEqual(['slow-log', 'engine-log'])
  })

  test('runs on one node without failover in dev', () => {
    expect(dev.only('cache', 'AWS::ElastiCache::ReplicationGroup').Properties).toMatchObject({
      NumCacheClusters: 1,
      AutomaticFailoverEnabled: false,
      MultiAZEnabled: false,
    })
  })
})
