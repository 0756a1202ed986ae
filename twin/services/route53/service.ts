import type { HealthCheckConfig } from '@aws-sdk/client-route-53'
import * as schemas from '@aws-sdk/client-route-53'
import type { Service } from '../../wire/call.ts'
import type { ServiceDependencies } from '../dependencies.ts'
import { absolute, answer } from './answers.ts'
import { checkOperations, type HealthCheckRecord } from './health-checks.ts'
import { recordOperations } from './records.ts'
import { type Zone, zoneOperations } from './zones.ts'

export type Route53Dependencies = ServiceDependencies & {
  /** Whether what a health check watches (an alarm, a calculated check) is well. @default everything is */
  readonly isHealthy?: (config: HealthCheckConfig) => boolean
}

/** The twin's Route 53. Zones are of the account, in no region. */
export type Route53Service = {
  readonly service: Service
  /** Values of a name in any zone, following aliases; empty when nothing answers. */
  resolve(name: string, type?: string): string[]
}

/** The Route 53 of one twin. */
export function createRoute53(dependencies: Route53Dependencies): Route53Service {
  const zones = dependencies.open<Zone>('zones')
  const checks = dependencies.open<HealthCheckRecord>('health-checks')
  const isHealthy = (id: string) => {
    const check = checks.get(id)
    if (!check || check.config.Disabled) return true
    return (dependencies.isHealthy?.(check.config) ?? true) !== (check.config.Inverted ?? false)
  }
  const look = (zone: Zone, name: string, type: string) =>
    answer(name, type, { records: zone.records, isHealthy, random: Math.random })
  return {
    service: {
      name: 'route53',
      home: 'us-east-1',
      schemas,
      protocol: 'rest-xml',
      operations: {
        ...zoneOperations(zones, dependencies.clock),
        ...recordOperations(zones, dependencies.clock, look),
        ...checkOperations(checks, isHealthy),
      },
    },
    resolve: (name, type = 'CNAME') => {
      const wanted = absolute(name)
      const zone = zones.values().find(each => wanted === each.name || wanted.endsWith(`.${each.name}`))
      return zone ? look(zone, name, type) : []
    },
  }
}
