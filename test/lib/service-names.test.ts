import { describe, expect, test } from '@jest/globals'
import { assembly } from '../support/assembly.ts'
import { plain } from '../support/plain.ts'

const prod = await assembly('prod')
const dev = await assembly('dev')

describe('service names', () => {
  const records = (one: typeof prod) =>
    Object.values(one.resources('database', 'AWS::Route53::RecordSet')).map(record => record.Properties)

  test('live in a private zone of both networks', () => {
    const zone = prod.only('database', 'AWS::Route53::HostedZone')
    expect([zone.DeletionPolicy, zone.UpdateReplacePolicy]).toEqual(['RetainExceptOnCreate', 'Retain'])
    const vpcs = zone.Properties.VPCs
    expect(vpcs.map((vpc: { VPCRegion: string }) => vpc.VPCRegion)).toEqual(['us-east-1', 'us-west-2'])
  })

  test('send writes to the pool, reads round the replicas, and analytics to its own', () => {
    const found = records(prod).map(record => [record.Name, record.SetIdentifier, record.Weight])
    expect(found).toEqual([
      ['write.shop-prod.internal', undefined, undefined],
      ['read.shop-prod.internal', 'shop-prod-read-1', 1],
      ['read.shop-prod.internal', 'shop-prod-read-2', 1],
      ['analytics.shop-prod.internal', 'shop-prod-analytics', 1],
    ])
    expect(plain(records(prod)[0]?.ResourceRecords)).toEqual([
      expect.stringMatching(/^<PoolProxy\w+\.Endpoint>$/),
    ])
    for (const record of records(prod)) expect(record.TTL).toBe('10')
  })

  test('fall back to what there is', () => {
    expect(records(dev).map(record => [record.Name, plain(record.ResourceRecords)[0]])).toEqual([
      ['write.shop-dev.internal', '<Primary.Endpoint.Address>'],
      ['read.shop-dev.internal', '<Primary.Endpoint.Address>'],
      ['analytics.shop-dev.internal', 'read.shop-dev.internal'],
    ])
  })

  test('leave out a replica that is stale or silent', () => {
    const checks = prod.resources('database', 'AWS::Route53::HealthCheck')
    expect(Object.keys(checks)).toHaveLength(3)
    for (const check of Object.values(checks)) {
      const config = check.Properties.HealthCheckConfig
      expect(config.Type).toBe('CLOUDWATCH_METRIC')
      expect(config.InsufficientDataHealthStatus).toBe('Unhealthy')
      const alarm = prod.template('database').Resources[config.AlarmIdentifier.Name.Ref]
      expect(alarm?.Properties).toMatchObject({
        Namespace: 'AWS/RDS',
        MetricName: 'ReplicaLag',
        Statistic: 'Maximum',
        Threshold: 30,
        Period: 60,
        EvaluationPeriods: 3,
        TreatMissingData: 'breaching',
      })
    }
  })
})
