import { describe, expect, test } from '@jest/globals'
import { assembly } from '../support/assembly.ts'

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
