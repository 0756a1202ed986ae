import { type Fault, InvalidEnvironment } from './fault.ts'
import { faultsDespiteShape, partsDespiteShape } from './repair.ts'
import { faultsOfMeaning } from './rules.ts'
import { type EnvironmentConfig, type EnvironmentInput, environmentSchema } from './schema.ts'
import { shapeFaults } from './shape.ts'

/** Types an environment where it is written. Does nothing else: `parseConfig` judges it when it is loaded. */
export function defineEnvironment<const Input extends EnvironmentInput>(input: Input): Input {
  return input
}

/** What became of an input: `config` when its shape is right, and every fault of shape and of meaning. */
export type Reading = { readonly config?: EnvironmentConfig; readonly faults: readonly Fault[] }

/** Reads without judging: for a caller that shows faults, or that can do with some of them (a bill over budget). */
export function readConfig(input: unknown): Reading {
  const parsed = environmentSchema.safeParse(input)
  if (!parsed.success)
    return { faults: [...shapeFaults(input, parsed.error), ...faultsDespiteShape(input, parsed.error)] }
  const config = { ...parsed.data, name: `${parsed.data.app}-${parsed.data.environment}` }
  return { config, faults: faultsOfMeaning(config) }
}

/**
 * The one door from what a person wrote to what everything else reads: defaults filled in, durations in
 * seconds, `name` derived. Throws `InvalidEnvironment` with every fault of shape and of meaning at once.
 */
export function parseConfig(input: unknown): EnvironmentConfig {
  const { config, faults } = readConfig(input)
  if (!config || faults.length > 0)
    throw new InvalidEnvironment(config ? `environment ${config.name}` : 'the configuration', faults)
  return config
}

/**
 * Reads for a command that acts on what is deployed: a recovery waits for no budget. Faults are told beside the
 * configuration, and only a command that reads the very part that has no shape is refused, by an `InvalidEnvironment`.
 * Throws it at once where nothing can be read.
 */
export function readDeployed(input: unknown): Required<Reading> {
  const { config, faults } = readConfig(input)
  if (config) return { config, faults }
  const refuse = () => {
    throw new InvalidEnvironment('the configuration', faults)
  }
  const { error } = environmentSchema.safeParse(input)
  return { config: (error && partsDespiteShape(input, error, refuse)) ?? refuse(), faults }
}
