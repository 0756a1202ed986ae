import type { EnvironmentConfig, Mode } from './schema.ts'

const MINUTE = 60
const HOUR = 60 * MINUTE

/** How far behind a mechanism is now, by the figure that says it. `lib/recovery-figures.ts` names the metrics. */
export type Figure = 'heartbeat-age' | 'archive-behind' | 'restorable-age' | 'replica-lag'

/** One way in which a database comes back after a failure. Seconds. */
export type Mechanism = {
  readonly mode: Mode
  readonly name: string
  /** The name where there is room for few letters. */
  readonly label: string
  /** The least that it can promise to lose, and the shortest time in which it can promise to serve again. */
  readonly rpo: number
  readonly rto: number
  /** What must be turned on to do better. */
  readonly better: string
  /** What says how much would be lost now; without one nobody knows. */
  readonly figure?: Figure
  /** What the mechanism loses while that figure is young: a synchronous copy loses nothing. @default the figure */
  readonly synchronous?: true
  /** Where the figure is published. */
  readonly seenFrom: 'home' | 'standby'
  /** Alarms, by their ids, any of which denies that the mechanism works now. */
  readonly alarms: readonly string[]
  readonly isPresent: (config: EnvironmentConfig) => boolean
}

/**
 * Every way back that this project builds, best first within its failure mode: what an environment may promise, what
 * `status` judges, and what answers for nothing. None survives its account: vaults, buckets and keys of both regions
 * lie in it, so `account-loss` has no row.
 *
 * The numbers: Multi-AZ is synchronous and fails over in 60 to 120 s ("Multi-AZ DB instance deployments" in the
 * RDS User Guide); RDS uploads transaction logs every five minutes ("Restoring to a specified time"); replicated
 * automated backups lose 5 to 30 minutes and take hours, a promoted replica takes several minutes and loses its
 * lag (AWS Prescriptive Guidance, disaster recovery for RDS); the archive is read every minute; the vault copies
 * every six hours. A new instance takes minutes to create, whatever is restored into it: ten is the least claimed.
 */
export const MECHANISMS: readonly Mechanism[] = [
  {
    ...{
      mode: 'instance-loss',
      name: 'Multi-AZ',
      label: 'Multi-AZ standby',
      rpo: 0,
      rto: 2 * MINUTE,
      seenFrom: 'home',
    },
    better: 'nothing on RDS does better',
    figure: 'heartbeat-age',
    synchronous: true,
    alarms: ['heartbeat'],
    isPresent: ({ database }) => database.multiAz,
  },
  {
    ...{
      mode: 'instance-loss',
      name: 'point-in-time recovery',
      label: 'point-in-time recovery',
      rpo: 5 * MINUTE,
      rto: 10 * MINUTE,
    },
    ...{ figure: 'restorable-age', seenFrom: 'home' },
    better: 'set database.multiAz to true',
    alarms: ['restorable-age', 'backups-failed', 'backups-unknown', 'backups-unverified'],
    isPresent: ({ database }) => !database.multiAz,
  },
  {
    ...{
      mode: 'bad-write',
      name: 'point-in-time recovery and the archive',
      label: 'change archive',
      rpo: MINUTE,
      rto: 10 * MINUTE,
    },
    ...{ figure: 'archive-behind', seenFrom: 'home' },
    better: 'no restore on RDS does better',
    alarms: [
      ...['archive-behind', 'archive-slot-lost', 'archive-gap', 'archive-faults', 'archive-unverified'],
      ...['archive-stale', 'backups-failed', 'backups-unknown', 'backups-unverified'],
    ],
    isPresent: ({ archive }) => archive.enabled,
  },
  {
    ...{
      mode: 'bad-write',
      name: 'point-in-time recovery',
      label: 'point-in-time recovery',
      rpo: 5 * MINUTE,
      rto: 10 * MINUTE,
    },
    ...{ figure: 'restorable-age', seenFrom: 'home' },
    better: 'set archive.enabled to true',
    alarms: ['restorable-age', 'backups-failed', 'backups-unknown', 'backups-unverified'],
    isPresent: () => true,
  },
  {
    ...{
      mode: 'region-loss',
      name: 'the standby replica',
      label: 'cross-region standby',
      rpo: MINUTE,
      rto: 5 * MINUTE,
    },
    ...{ figure: 'replica-lag', seenFrom: 'standby' },
    better: 'nothing between regions does better',
    alarms: ['replica-lag-standby'],
    isPresent: ({ standby }) => standby.enabled,
  },
  {
    ...{
      mode: 'region-loss',
      name: 'replicated automated backups',
      label: 'replicated backups',
      rpo: 30 * MINUTE,
      rto: 2 * HOUR,
    },
    ...{ figure: 'restorable-age', seenFrom: 'standby' },
    better: 'set standby.enabled to true',
    alarms: ['restorable-age-standby'],
    isPresent: ({ database }) => database.backup.replicate,
  },
  {
    ...{
      mode: 'region-loss',
      name: "the vault's copies",
      label: 'vault copies',
      rpo: 6 * HOUR,
      rto: 2 * HOUR,
      seenFrom: 'standby',
    },
    better: 'set standby.enabled to true',
    alarms: ['backup-copies'],
    isPresent: ({ vault }) => vault.enabled,
  },
]

/** The ways back that an environment has for a failure mode, best first. */
export function mechanismsOf(config: EnvironmentConfig, mode: Mode): readonly Mechanism[] {
  return MECHANISMS.filter(mechanism => mechanism.mode === mode && mechanism.isPresent(config))
}
