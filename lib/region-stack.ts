import { Stack } from 'aws-cdk-lib'
import type { Construct } from 'constructs'
import type { EnvironmentConfig } from '../config/schema.ts'

// Regions in which an account cannot use the letters a, b and c.
const ZONE_LETTERS: Readonly<Record<string, string>> = { 'ap-northeast-1': 'acd', 'ca-central-1': 'abd' }

/** A stack of one environment in one region, which knows its zones without asking AWS. */
export class RegionStack extends Stack {
  readonly #zones: string[]

  constructor(scope: Construct, id: string, config: EnvironmentConfig, region: string) {
    super(scope, id, { env: { account: config.account, region }, terminationProtection: true })
    const { zoneLetters, standbyZoneLetters } = config.network
    const chosen = region === config.region ? zoneLetters : standbyZoneLetters
    const letters = chosen ?? ZONE_LETTERS[region] ?? 'abc'
    this.#zones = [...letters.slice(0, config.network.zones)].map(letter => `${region}${letter}`)
  }

  // CDK would look the zones up in the account, and a synth must need neither account nor network.
  override get availabilityZones(): string[] {
    return this.#zones
  }
}
