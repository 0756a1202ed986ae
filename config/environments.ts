import { dev } from './dev.ts'
import { InvalidEnvironment } from './fault.ts'
import { parseConfig } from './parse.ts'
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

/** The parsed environment of that name. Throws `InvalidEnvironment` for an unknown name, or with all its faults. */
export function loadEnvironment(name: string): EnvironmentConfig {
  return parseConfig(writtenEnvironment(name))
}
