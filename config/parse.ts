import { InvalidEnvironment } from './fault.ts'
import { faultsDespiteShape } from './repair.ts'
import { faultsOfMeaning } from './rules.ts'
import { type EnvironmentConfig, type EnvironmentInput, environmentSchema } from './schema.ts'
import { shapeFaults } from './shape.ts'

/** Types an environment where it is written. Does nothing else: `parseConfig` judges it when it is loaded. */
export function defineEnvironment<const Input extends EnvironmentInput>(input: Input): Input {
  return input
}

/**
 * The one door from what a person wrote to what everything else reads: defaults filled in, durations in
 * seconds, `name` derived. Throws `InvalidEnvironment` with every fault of shape and of meaning at once.
 */
export function parseConfig(input: unknown): EnvironmentConfig {
  const parsed = environmentSchema.safeParse(input)
  if (!parsed.success)
    throw new InvalidEnvironment('the configuration', [
      ...shapeFaults(input, parsed.error),
      ...faultsDespiteShape(input, parsed.error),
    ])
  const config = { ...parsed.data, name: `${parsed.data.app}-${parsed.data.environment}` }
  const faults = faultsOfMeaning(config)
  if (faults.length > 0) throw new InvalidEnvironment(`environment ${config.name}`, faults)
  return config
}
