import type { ChangeRule, Danger, ResourceChange } from './change/danger.ts'
import { mustKeepDenying } from './change/denial.ts'
import {
  mustKeepBackingUp,
  mustKeepItsKey,
  mustKeepItsPolicies,
  mustKeepItsProtection,
} from './change/protection.ts'
import {
  mustFreeItsName,
  mustKeepItsSnapshot,
  mustNotBePromoted,
  mustNotBeRemoved,
  mustNotBeReplaced,
} from './change/replacement.ts'
import { mustUpgradeInOrder } from './change/upgrade.ts'

/** What only (before, after) can show, the worst first. */
const CHANGE_RULES: readonly ChangeRule[] = [
  mustNotBeRemoved,
  mustNotBeReplaced,
  mustNotBePromoted,
  mustKeepItsSnapshot,
  mustFreeItsName,
  mustUpgradeInOrder,
  mustKeepBackingUp,
  mustKeepItsKey,
  mustKeepItsPolicies,
  mustKeepItsProtection,
  mustKeepDenying,
]

/** Every danger in a set of changes: all rules run on all of them. */
export function dangersOf(changes: readonly ResourceChange[]): Danger[] {
  return CHANGE_RULES.flatMap(rule => changes.flatMap(change => rule(change, changes)))
}
