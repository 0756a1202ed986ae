import type { EnvironmentConfig } from '../../config/schema.ts'
import { COPY_PREFIX, PROVING_PREFIX } from '../../lambdas/restore-drill/names.ts'
import { Refusal } from '../../lambdas/runtime/failure.ts'

/** RDS takes 63 characters, and the name must fit behind the prefix. */
const LONGEST = 63 - PROVING_PREFIX.length

/** `<environment>-restored-<moment>`, e.g. `shop-prod-restored-20261120t140300z`. @param moment ISO, whole seconds */
export function defaultName(environment: string, moment: string): string {
  return `${environment}-restored-${moment.replace(/[-:]/g, '').toLowerCase()}`
}

/** @throws Refusal `BadName` for what RDS would not take, `ReservedName` for what is production's or the drills'. */
export function refuseBadName(config: EnvironmentConfig, name: string): void {
  if (!/^[a-z](-?[a-z0-9])*$/.test(name) || name.length > LONGEST)
    throw new Refusal(
      'BadName',
      `"${name}" is no name for the instance: lower-case letters, digits and single hyphens are wanted, a letter first, at most ${LONGEST} characters`,
      `--name ${config.name}-restored, for example`,
    )
  if (name.startsWith(COPY_PREFIX))
    throw new Refusal(
      'ReservedName',
      `"${name}" begins with ${COPY_PREFIX}: drills and the reaper own and delete what is called so`,
      `--name ${config.name}-restored, for example`,
    )
  const replicas = config.database.replicas.map(replica => `${config.name}-${replica.name}`)
  if ([config.name, `${config.name}-standby`, ...replicas].includes(name))
    throw new Refusal(
      'ReservedName',
      `"${name}" is one of production's own identifiers`,
      `--name ${config.name}-restored, for example`,
    )
}
