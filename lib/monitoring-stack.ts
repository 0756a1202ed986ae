import type { Construct } from 'constructs'
import type { EnvironmentConfig } from '../config/schema.ts'
import type { Keys } from './keys.ts'
import { RegionStack } from './region-stack.ts'
import { Topics } from './topics.ts'

export type MonitoringStackProps = {
  readonly config: EnvironmentConfig
  readonly region: string
  readonly keys: Keys
}

/** What watches one region: the topics, and the alarms that speak through them. */
export class MonitoringStack extends RegionStack {
  readonly topics: Topics

  constructor(scope: Construct, id: string, { config, region, keys }: MonitoringStackProps) {
    super(scope, id, config, region)
    this.topics = new Topics(this, 'Topics', { config, key: keys.data })
  }
}
