import type { EnvironmentConfig } from '../../config/schema.ts'

/** One database instance as the alarms see it. */
export type Watched = {
  readonly identifier: string
  /** Put behind each id: empty for the primary, `-read-1` for a replica. */
  readonly suffix: string
  readonly kind: 'primary' | 'replica' | 'standby'
  readonly instance: string
  readonly region: 'home' | 'standby'
}

/** The regions in which anything of the environment is watched: the other one only where something of the database is. */
export function watchedRegions({ standby, database }: EnvironmentConfig): readonly Watched['region'][] {
  return standby.enabled || database.backup.replicate ? ['home', 'standby'] : ['home']
}

/** Every instance of the environment: the primary, its replicas, the standby. */
export function watchedInstances(config: EnvironmentConfig): readonly Watched[] {
  const { name, database, standby } = config
  const primary: Watched = {
    identifier: name,
    suffix: '',
    kind: 'primary',
    instance: database.instance,
    region: 'home',
  }
  const replicas = database.replicas.map(
    (replica): Watched => ({
      identifier: `${name}-${replica.name}`,
      suffix: `-${replica.name}`,
      kind: 'replica',
      instance: replica.instance ?? database.instance,
      region: 'home',
    }),
  )
  if (!standby.enabled) return [primary, ...replicas]
  const other: Watched = {
    identifier: `${name}-standby`,
    suffix: '-standby',
    kind: 'standby',
    instance: standby.instance ?? database.instance,
    region: 'standby',
  }
  return [primary, ...replicas, other]
}
