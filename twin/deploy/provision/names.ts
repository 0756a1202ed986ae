import { type Desired, hashOf, keep, type Physical, type Provisioner, type Stored } from '../provisioner.ts'
import { type Api, amount, flag, given } from './api.ts'

/** Private zones and their records. */
export function nameProvisioners(api: Api): Record<string, Provisioner> {
  const change = (
    desired: { region: string },
    zone: unknown,
    Action: string,
    record: Record<string, unknown>,
  ) =>
    api('route53', desired.region, 'ChangeResourceRecordSets', {
      HostedZoneId: zone,
      ChangeBatch: { Changes: [{ Action, ResourceRecordSet: record }] },
    })
  const upsert = async (desired: Desired): Promise<Physical> => {
    await change(desired, desired.properties.HostedZoneId, 'UPSERT', recordOf(desired.properties))
    return { ref: desired.properties.Name, attributes: {} }
  }
  return {
    'AWS::Route53::HostedZone': {
      kind: 'real',
      create: async desired => {
        const { properties, region, stack, logicalId } = desired
        const [vpc, ...more] = properties.VPCs ?? []
        const { HostedZone } = await api('route53', region, 'CreateHostedZone', {
          Name: properties.Name,
          CallerReference: hashOf(region, stack.name, logicalId),
          ...given({ VPC: vpc && vpcOf(vpc) }),
          HostedZoneConfig: { ...properties.HostedZoneConfig, PrivateZone: vpc !== undefined },
        })
        const id = String(HostedZone.Id).replace('/hostedzone/', '')
        for (const other of more)
          await api('route53', region, 'AssociateVPCWithHostedZone', { HostedZoneId: id, VPC: vpcOf(other) })
        return { ref: id, attributes: { Id: id, NameServers: [] } }
      },
      update: async (desired, before) => {
        keep(desired, before, ['Name', 'VPCs'])
        return before
      },
    },
    'AWS::Route53::HealthCheck': {
      kind: 'real',
      create: async ({ properties, region, generatedName }) => {
        const { HealthCheck } = await api('route53', region, 'CreateHealthCheck', {
          CallerReference: generatedName,
          HealthCheckConfig: properties.HealthCheckConfig,
        })
        return { ref: HealthCheck.Id, attributes: { HealthCheckId: HealthCheck.Id } }
      },
    },
    'AWS::Route53::RecordSet': {
      kind: 'real',
      create: upsert,
      update: upsert,
      remove: async (before: Stored) => {
        await change(before, before.properties.HostedZoneId, 'DELETE', recordOf(before.properties))
      },
    },
  }
}

const vpcOf = ({ VPCId, VPCRegion }: { VPCId: string; VPCRegion: string }) => ({ VPCId, VPCRegion })

function recordOf(properties: Desired['properties']): Record<string, unknown> {
  return given({
    Name: properties.Name,
    Type: properties.Type,
    TTL: amount(properties.TTL),
    ResourceRecords: properties.ResourceRecords?.map((Value: string) => ({ Value })),
    SetIdentifier: properties.SetIdentifier,
    Weight: amount(properties.Weight),
    Region: properties.Region,
    Failover: properties.Failover,
    MultiValueAnswer: flag(properties.MultiValueAnswer),
    HealthCheckId: properties.HealthCheckId,
    AliasTarget: properties.AliasTarget,
  })
}
