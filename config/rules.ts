import type { Fault } from './fault.ts'
import { BUDGET } from './rules/budget.ts'
import { DISK } from './rules/disk.ts'
import { INSTANCES } from './rules/instances.ts'
import { NAMES } from './rules/names.ts'
import { NETWORK } from './rules/network.ts'
import { OBJECTIVES } from './rules/objectives.ts'
import { PARAMETERS } from './rules/parameters.ts'
import { PEOPLE } from './rules/people.ts'
import type { Rule } from './rules/rule.ts'
import { TIME } from './rules/time.ts'
import type { EnvironmentConfig } from './schema.ts'

/** Every rule, in the order in which a person reads a configuration. */
export const RULES: readonly Rule[] = [
  ...NAMES,
  ...NETWORK,
  ...INSTANCES,
  ...DISK,
  ...TIME,
  ...PARAMETERS,
  ...OBJECTIVES,
  ...PEOPLE,
  ...BUDGET,
]

/** Every fault of meaning: all rules run, none stops another. */
export function faultsOfMeaning(config: EnvironmentConfig): Fault[] {
  return RULES.flatMap(rule => rule(config))
}
