import type { Construct } from 'constructs'
import type { EnvironmentConfig } from '../config/schema.ts'
import { Buckets } from './buckets.ts'
import { Keys } from './keys.ts'
import { Network } from './network.ts'
import { RegionStack } from './region-stack.ts'
import { Vault } from './vault.ts'

/** What everything in the home region stands on: keys, network, archives, a vault. */
export class FoundationStack extends RegionStack {
  readonly keys: Keys
  readonly network: Network

  constructor(scope: Construct, id: string, config: EnvironmentConfig) {
    const { region } = config
    super(scope, id, config, region)
    this.keys = new Keys(this, 'Keys', { config, region })
    this.network = new Network(this, 'Network', {
      config,
      cidr: config.network.cidr,
      key: this.keys.data,
      secretsEndpoint: true,
    })
    new Buckets(this, 'Archives', {
      config,
      region,
      key: this.keys.data,
      replicateTo: config.standbyRegion,
    })
    if (config.vault.enabled) new Vault(this, 'Vault', { config, key: this.keys.data, lock: 'governance' })
  }
}
