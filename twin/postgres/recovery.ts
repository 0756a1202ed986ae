import { existsSync, readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { makePrivateFolder, own } from './account.ts'
import { restoreCommand } from './archive.ts'
import { type Cluster, StartFailure, startCluster, statusOf } from './cluster.ts'
import type { Settings } from './settings.ts'
import { copyTree } from './tree.ts'

/**
 * Where a recovery ends: `immediate` at the end of the base backup, `latest` at the end of the archive, or after
 * the last commit at or before a time in milliseconds since the epoch.
 */
export type RecoveryTarget = 'immediate' | 'latest' | { readonly time: number }

export type RecoverOptions = {
  /** Folder of a base backup; it stays as it is. */
  readonly backup: string
  /** Folder of the new cluster; must not hold one. */
  readonly to: string
  /** Archive of the backup's cluster; not needed for `immediate`. */
  readonly archive?: string
  readonly target: RecoveryTarget
  readonly settings?: Settings
  readonly trustedPort?: number
  /** Milliseconds until a recovery counts as failed. @default 3600000 */
  readonly timeout?: number
}

/**
 * Copies a base backup, replays to the target and promotes: a new, writable cluster on a timeline of its own.
 * @throws StartFailure when the target cannot be reached (`recovery ended before configured recovery target was
 * reached`), when a segment is missing or when the backup is damaged; the half-made cluster is left for inspection
 */
export async function recover(options: RecoverOptions): Promise<Cluster> {
  const { backup, to, target } = options
  const timeout = options.timeout ?? 3_600_000
  if (existsSync(join(to, 'data')))
    throw new Error(`${to} already holds a cluster\nHINT: recover into a folder that does not exist`)
  makePrivateFolder(to)
  await copyTree(join(backup, 'data'), join(to, 'data'))
  const signal = join(to, 'data', 'recovery.signal')
  await writeFile(signal, '', { mode: 0o600 })
  own(signal)
  const cluster = await startCluster({
    dir: to,
    trustedPort: options.trustedPort,
    timeout,
    settings: { ...options.settings, ...recoverySettings(options.archive, target) },
  })
  try {
    await untilPromoted(cluster, Date.now() + timeout)
  } catch (error) {
    await cluster.kill()
    const end = readFileSync(join(to, 'postgresql.log'), 'utf8').slice(-2000)
    const [, why] = end.match(/FATAL: {2}([^\n]*)/) ?? []
    const said = (error as Error).message
    throw new StartFailure(`${why === undefined ? said : `${said}: ${why}`}\n${end}`, { cause: error })
  }
  cluster.reload(options.settings ?? {})
  return cluster
}

function recoverySettings(archive: string | undefined, target: RecoveryTarget): Settings {
  const command = archive === undefined ? 'false' : restoreCommand(archive)
  // A standby that answers queries insists on settings as large as its source had; a copy need not have them.
  const common = { restore_command: command, recovery_target_action: 'promote', hot_standby: false }
  if (target === 'latest') return common
  if (target === 'immediate') return { ...common, recovery_target: 'immediate' }
  return { ...common, recovery_target_time: new Date(target.time).toISOString().replace('Z', '+00') }
}

/**
 * Waits until a cluster in recovery is a primary: its lock file says `ready` then, and `standby` before, as long as
 * nobody may query it meanwhile. Asking the server itself would cost it a process each time.
 * @throws StartFailure when it ends instead
 */
async function untilPromoted(cluster: Cluster, deadline: number): Promise<void> {
  for (;;) {
    if (!cluster.isRunning()) throw new StartFailure('PostgreSQL ended before its recovery did')
    if (statusOf(cluster).startsWith('ready')) return
    if (Date.now() > deadline) throw new StartFailure('the recovery did not end in time')
    await sleep(10)
  }
}
