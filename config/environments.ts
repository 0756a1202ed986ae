import { exceededQuotas, takenNames } from './account.ts'
import { dev } from './dev.ts'
import { type Fault, InvalidEnvironment } from './fault.ts'
import { type Reading, readConfig, readDeployed } from './parse.ts'
import { prod } from './prod.ts'
import type { EnvironmentConfig } from './schema.ts'
import { staging } from './staging.ts'

/** Every environment as written, by the name that `-c env=` and `--env` take. A new one is a file and a line here. */
export const ENVIRONMENTS: ReadonlyMap<string, unknown> = new Map<string, unknown>([
  ['dev', dev],
  ['staging', staging],
  ['prod', prod],
])

/** The environment of that name as written. Throws `InvalidEnvironment` for an unknown name. */
export function writtenEnvironment(name: string): unknown {
  if (!ENVIRONMENTS.has(name))
    throw new InvalidEnvironment('the request', [
      {
        path: 'env',
        value: name,
        sentence: 'no environment has this name',
        hint: `use one of: ${[...ENVIRONMENTS.keys()].join(', ')}`,
      },
    ])
  return ENVIRONMENTS.get(name)
}

/** What was found in an environment: its faults, and what may be too little in its account. */
export type Judgement = {
  readonly config?: EnvironmentConfig
  readonly faults: readonly Fault[]
  readonly notes: readonly string[]
}

/** Judges the environment of that name by itself and beside the others. Throws `InvalidEnvironment` for an unknown name. */
export function judgeEnvironment(name: string): Judgement {
  const { config, faults } = readConfig(writtenEnvironment(name))
  if (!config) return { faults, notes: [] }
  const others = [...ENVIRONMENTS.keys()]
    .filter(other => other !== name)
    .flatMap(other => readConfig(writtenEnvironment(other)).config ?? [])
  return { config, faults: [...faults, ...takenNames(config, others)], notes: exceededQuotas(config, others) }
}

/** The parsed environment of that name. Throws `InvalidEnvironment` for an unknown name, or with all its faults. */
export function loadEnvironment(name: string): EnvironmentConfig {
  const { config, faults } = judgeEnvironment(name)
  if (!config || faults.length > 0)
    throw new InvalidEnvironment(config ? `environment ${config.name}` : 'the configuration', faults)
  return config
}

/** The environment of that name as far as it can be read, for what acts on its deployment. See `readDeployed`. */
export function deployedEnvironment(name: string): Required<Reading> {
  return readDeployed(writtenEnvironment(name))
}
