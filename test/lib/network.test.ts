import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from '@jest/globals'
import { App, Stack } from 'aws-cdk-lib'
import { Template } from 'aws-cdk-lib/assertions'
import { Key } from 'aws-cdk-lib/aws-kms'
import { loadEnvironment } from '../../config/environments.ts'
import { parseConfig } from '../../config/parse.ts'
import { parseCidr } from '../../config/rules/network.ts'
import { Network } from '../../lib/network.ts'
import { RegionStack } from '../../lib/region-stack.ts'
import { draft } from '../config/draft.ts'
import { assembly } from '../support/assembly.ts'

const outdir = mkdtempSync(join(tmpdir(), 'holdfast-network-'))
afterAll(() => rmSync(outdir, { recursive: true }))

const prod = await assembly('prod')
const dev = await assembly('dev')

const FOUNDATIONS = ['foundation', 'standby-foundation'] as const

describe.each(FOUNDATIONS)('the network of %s', stack => {
  test('spreads over three zones, two in dev', () => {
    const zones = (one: typeof prod) =>
      new Set(
        Object.values(one.resources(stack, 'AWS::EC2::Subnet')).map(
          subnet => subnet.Properties.AvailabilityZone,
        ),
      )
    expect(zones(prod).size).toBe(3)
    expect(zones(dev).size).toBe(2)
  })

  test('has no way in and no way out: no internet gateway, no NAT, no public address, no route of ours', () => {
    const types = new Set(Object.values(prod.template(stack).Resources).map(resource => resource.Type))
    for (const type of [
      'AWS::EC2::InternetGateway',
      'AWS::EC2::NatGateway',
      'AWS::EC2::EIP',
      'AWS::EC2::Route',
    ])
      expect(types).not.toContain(type)
    for (const subnet of Object.values(prod.resources(stack, 'AWS::EC2::Subnet')))
      expect(subnet.Properties.MapPublicIpOnLaunch).toBe(false)
  })

  test('reaches S3 by a gateway endpoint from every data subnet', () => {
    const endpoints = Object.values(prod.resources(stack, 'AWS::EC2::VPCEndpoint'))
    const s3 = endpoints.find(endpoint => endpoint.Properties.VpcEndpointType === 'Gateway')
    expect(JSON.stringify(s3?.Properties.ServiceName)).toContain('.s3')
    expect(s3?.Properties.RouteTableIds).toHaveLength(3)
  })

  test('reaches Secrets Manager by an interface endpoint that answers only inside', () => {
    const [endpoint] = Object.values(prod.resources(stack, 'AWS::EC2::VPCEndpoint')).filter(
      one => one.Properties.VpcEndpointType === 'Interface',
    )
    expect(endpoint?.Properties.ServiceName).toMatch(/\.secretsmanager$/)
    expect(endpoint?.Properties.PrivateDnsEnabled).toBe(true)
    const group = Object.values(prod.resources(stack, 'AWS::EC2::SecurityGroup')).find(
      one => one.Properties.GroupName === 'shop-prod-endpoints',
    )
    expect(group?.Properties.SecurityGroupIngress).toHaveLength(1)
    expect(group?.Properties.SecurityGroupIngress[0].CidrIp).toBe(
      stack === 'foundation' ? '10.40.0.0/16' : '10.41.0.0/16',
    )
  })

  test('writes flow logs of all traffic, encrypted and kept ninety days', () => {
    expect(prod.only(stack, 'AWS::EC2::FlowLog').Properties.TrafficType).toBe('ALL')
    const group = prod.only(stack, 'AWS::Logs::LogGroup').Properties
    expect(group.LogGroupName).toBe('/holdfast/shop-prod/flow')
    expect(group.RetentionInDays).toBe(90)
    expect(group.KmsKeyId).toBeDefined()
  })

  test('closes the default security group', () => {
    expect(prod.only(stack, 'Custom::VpcRestrictDefaultSG').Properties.DefaultSecurityGroupId).toEqual({
      'Fn::GetAtt': ['NetworkVpc7FB7348F', 'DefaultSecurityGroup'],
    })
  })

  test('lets functions out to databases and endpoints only, and services to the database, the pool and the cache', () => {
    const range = stack === 'foundation' ? '10.40.0.0/16' : '10.41.0.0/16'
    const out = (name: string) =>
      Object.values(prod.resources(stack, 'AWS::EC2::SecurityGroup'))
        .find(group => group.Properties.GroupName === `shop-prod-${name}`)
        ?.Properties.SecurityGroupEgress.map(
          (rule: { CidrIp: string; FromPort: number; ToPort: number }) =>
            `${rule.CidrIp} ${rule.FromPort}-${rule.ToPort}`,
        )
    // Nothing but the gateway endpoint answers on 443: these subnets have no other route out.
    expect(out('functions')).toEqual([`${range} 5432-5432`, '0.0.0.0/0 443-443'])
    expect(out('clients')).toEqual([`${range} 5432-5432`, `${range} 6379-6380`])
  })

  test('opens no security group to the world', () => {
    for (const group of Object.values(prod.resources(stack, 'AWS::EC2::SecurityGroup')))
      for (const rule of group.Properties.SecurityGroupIngress ?? [])
        expect(['0.0.0.0/0', '::/0']).not.toContain(rule.CidrIp)
  })
})

test('the two regions have networks that do not overlap', () => {
  const cidr = (stack: string) => prod.only(stack, 'AWS::EC2::VPC').Properties.CidrBlock
  expect([cidr('foundation'), cidr('standby-foundation')]).toEqual(['10.40.0.0/16', '10.41.0.0/16'])
})

describe('a network with NAT gateways', () => {
  type Found = Readonly<Record<string, { Properties: Readonly<Record<string, unknown>> }>>

  /** The template of a network of that many gateways. */
  function network(natGateways: number, cidr = '10.40.0.0/16') {
    const config = loadEnvironment('prod')
    const stack = new Stack(new App({ outdir, builtinCloudFormationValidation: false }), 'S', {
      env: { account: '111111111111', region: 'us-east-1' },
    })
    Object.defineProperty(stack, 'availabilityZones', { value: ['us-east-1a', 'us-east-1b', 'us-east-1c'] })
    new Network(stack, 'Network', {
      config: { ...config, network: { ...config.network, natGateways } },
      cidr,
      key: new Key(stack, 'Key'),
      secretsEndpoint: true,
    })
    const template = Template.fromStack(stack)
    return (type: string): Found => template.findResources(type) as Found
  }

  const subnets = (find: ReturnType<typeof network>, kind: string) =>
    Object.entries(find('AWS::EC2::Subnet'))
      .filter(([id]) => id.includes(`${kind}Subnet`))
      .map(([id, { Properties }]) => [id, String(Properties.CidrBlock)] as const)

  test('has as many as were asked for', () => {
    expect(Object.keys(network(2)('AWS::EC2::NatGateway'))).toHaveLength(2)
    expect(Object.keys(network(3)('AWS::EC2::NatGateway'))).toHaveLength(3)
  })

  test('lets the services out, and the data subnets still nowhere', () => {
    const find = network(3)
    const tables = Object.values(find('AWS::EC2::Route')).map(({ Properties }) =>
      JSON.stringify(Properties.RouteTableId),
    )
    expect(tables).toHaveLength(6)
    for (const table of tables) expect(table).toMatch(/(services|public)Subnet/)
    expect(tables.filter(table => table.includes('servicesSubnet'))).toHaveLength(3)
  })

  test('gives no address on the internet to anything in it', () => {
    for (const [id, { Properties }] of Object.entries(network(3)('AWS::EC2::Subnet')))
      expect([id, Properties.MapPublicIpOnLaunch]).toEqual([id, id.includes('publicSubnet')])
  })

  test('asked for later moves no subnet that something lives in', () => {
    for (const kind of ['data', 'services'])
      expect(subnets(network(3), kind)).toEqual(subnets(network(0), kind))
  })

  test('has subnets of the sizes that the rules count on, in the smallest network that they let pass', () => {
    for (const [natGateways, cidr] of [
      [0, '10.40.0.0/23'],
      [3, '10.40.0.0/20'],
    ] as const) {
      const find = network(natGateways, cidr)
      for (const [, range] of [...subnets(find, 'data'), ...subnets(find, 'services')])
        expect(parseCidr(range)?.size).toBeGreaterThanOrEqual(32)
      for (const [, range] of subnets(find, 'public'))
        expect(parseCidr(range)?.prefix).toBeLessThanOrEqual(28)
    }
  })
})

test.each([
  [{ zones: 3 }, ['us-east-1a', 'us-east-1b', 'us-east-1c'], ['us-west-2a', 'us-west-2b', 'us-west-2c']],
  [{ zones: 2, zoneLetters: 'bd' }, ['us-east-1b', 'us-east-1d'], ['us-west-2a', 'us-west-2b']],
  [{ zones: 2, standbyZoneLetters: 'cb' }, ['us-east-1a', 'us-east-1b'], ['us-west-2c', 'us-west-2b']],
])('lies in the zones that the environment names: %j', (network, home, standby) => {
  const config = parseConfig(draft({ network }))
  const zones = (region: string) =>
    new RegionStack(new App({ outdir }), 'stack', config, region).availabilityZones
  expect([zones('us-east-1'), zones('us-west-2')]).toEqual([home, standby])
})
