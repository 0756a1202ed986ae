import { describe, expect, test } from '@jest/globals'
import { estimateCost } from '../../config/cost.ts'
import { loadEnvironment } from '../../config/environments.ts'
import { assembly, ENVIRONMENTS, type Resource } from '../support/assembly.ts'

// What is synthesized must be what is charged: a resource that the model forgets would pass every budget.
describe.each(ENVIRONMENTS)('the bill of %s', name => {
  const config = loadEnvironment(name)
  const { lines } = estimateCost(config)

  async function resources(type: string): Promise<Resource[]> {
    const { stacks, template } = await assembly(name)
    return stacks
      .flatMap(stack => Object.values(template(stack).Resources))
      .filter(resource => resource.Type === type)
  }

  test('has each instance, in its class and its zones', async () => {
    const synthesized = (await resources('AWS::RDS::DBInstance')).flatMap(({ Properties }) => {
      const { DBInstanceIdentifier: id, DBInstanceClass: type, MultiAZ: multiAz } = Properties
      return multiAz ? [`${id} ${type}`, `${id} (second zone) ${type}`] : [`${id} ${type}`]
    })
    const charged = lines
      .filter(line => /^db\..* hours$/.test(line.what))
      .map(line => `${line.resource} ${line.what.replace(' hours', '')}`)
    expect(charged.toSorted()).toEqual(synthesized.toSorted())
  })

  test('has each gigabyte of each disk', async () => {
    const synthesized = (await resources('AWS::RDS::DBInstance')).map(
      ({ Properties }) =>
        // A replica without a size of its own takes its source's.
        Number(Properties.AllocatedStorage ?? config.database.storage.size) * (Properties.MultiAZ ? 2 : 1),
    )
    expect(quantity('GiB of gp3')).toBe(sum(synthesized))
  })

  test('has each cache node', async () => {
    const nodes = (await resources('AWS::ElastiCache::ReplicationGroup')).map(({ Properties }) => {
      expect(Properties.CacheNodeType).toBe(`cache.${config.cache.node}`)
      return Number(Properties.NumCacheClusters)
    })
    expect(quantity(`cache.${config.cache.node} hours`) / 730).toBe(sum(nodes))
  })

  test.each([
    ['AWS::KMS::Key', 'KMS keys', 1],
    ['AWS::Route53::HostedZone', 'hosted zones', 1],
    ['AWS::Route53::HealthCheck', 'health checks', 1],
    ['AWS::EC2::NatGateway', 'gateway hours', 730],
  ])('has each %s', async (type, what, each) => {
    expect(quantity(what) / each).toBe((await resources(type)).length)
  })

  test('has each secret, and its copies in other regions', async () => {
    const copies = (await resources('AWS::SecretsManager::Secret')).map(
      ({ Properties }) => 1 + (Properties.ReplicaRegions ?? []).length,
    )
    expect(quantity('secrets')).toBe(sum(copies))
  })

  test('has each interface of each endpoint', async () => {
    const interfaces = (await resources('AWS::EC2::VPCEndpoint'))
      .filter(({ Properties }) => Properties.VpcEndpointType === 'Interface')
      .map(({ Properties }) => Properties.SubnetIds.length)
    expect(quantity('interface hours') / 730).toBe(sum(interfaces))
  })

  test('has the proxy if there is one', async () => {
    const proxies = await resources('AWS::RDS::DBProxy')
    expect(lines.filter(line => line.what === 'vCPU hours of RDS Proxy')).toHaveLength(proxies.length)
  })

  // The number of alarms follows from the catalogue: the bill takes a generous one, and this holds it generous.
  test.each([
    ['AWS::CloudWatch::Alarm', 'alarms'],
    ['AWS::CloudWatch::CompositeAlarm', 'composite alarms'],
    ['AWS::CloudWatch::Dashboard', 'dashboards'],
  ])('has at least each %s', async (type, what) => {
    expect(quantity(what)).toBeGreaterThanOrEqual((await resources(type)).length)
  })

  function quantity(what: string): number {
    return sum(lines.filter(line => line.what === what).map(line => line.quantity))
  }
})

const sum = (numbers: readonly number[]) => numbers.reduce((total, each) => total + each, 0)
