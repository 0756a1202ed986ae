import type { Construct } from 'constructs'
import type { EnvironmentConfig } from '../config/schema.ts'
import { Buckets } from './buckets.ts'
import { Keys } from './keys.ts'
import { Network } from './network.ts'
import { RegionStack } from './region-stack.ts'
import { Vault } from './vault.ts'

/** What the other region must have before anything is copied to it: keys, network, archives, a locked vault. */
export class StandbyFoundationStack extends RegionStack {
  readonly keys: Keys
  readonly network: Network

  constructor(scope: Construct, id: string, config: EnvironmentConfig) {
    const region = config.standbyRegion
    super(scope, id, config, region)
    this.keys = new Keys(this, 'Keys', { config, region })
    this.network = new Network(this, 'Network', {
      config,
      cidr: config.network.standbyCidr,
      key: this.keys.data,
      secretsEndpoint: config.standby.enabled,
    })
    new Buckets(this, 'Archives', { config, region, key: this.keys.data })
    if (config.vault.enabled) new Vault(this, 'Vault', { config, key: this.keys.data, lock: 'compliance' })
  }
}
