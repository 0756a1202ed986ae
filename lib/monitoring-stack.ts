import type { Construct } from 'constructs'
import type { EnvironmentConfig } from '../config/schema.ts'
import { Alarms } from './alarms/alarms.ts'
import { rowsOf } from './alarms/catalogue.ts'
import { Dashboard } from './alarms/dashboard.ts'
import { watchedInstances } from './alarms/watched.ts'
import type { Keys } from './keys.ts'
import { Paging } from './paging.ts'
import { RegionStack } from './region-stack.ts'
import { Topics } from './topics.ts'

export type MonitoringStackProps = {
  readonly config: EnvironmentConfig
  readonly region: string
  readonly keys: Keys
}

/** What watches one region: its alarms, its dashboard, and the topics and routes through which they speak. */
export class MonitoringStack extends RegionStack {
  constructor(scope: Construct, id: string, { config, region, keys }: MonitoringStackProps) {
    super(scope, id, config, region)
    const side = region === config.region ? 'home' : 'standby'
    const topics = new Topics(this, 'Topics', { config, key: keys.data })
    const instances = watchedInstances(config).filter(watched => watched.region === side)
    new Paging(this, 'Paging', { config, topics, instances: instances.map(watched => watched.identifier) })
    new Alarms(this, 'Alarms', { config, rows: rowsOf(config, side) })
    new Dashboard(this, 'Dashboard', { config, region: side, partition: this.partition })
  }
}
