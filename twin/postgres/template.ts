import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { makePrivateFolder, own, ownTree, unprivileged } from './account.ts'
import { startCluster } from './cluster.ts'
import { renewSystemIdentifier } from './identity.ts'
import { installation, type Version } from './installation.ts'
import { heartbeatTable, perCluster, perDatabase } from './rights.ts'
import { copyTree } from './tree.ts'

/** Libraries whose settings RDS's parameter groups know. */
const PRELOADED = 'pg_stat_statements,auto_explain'

const run = promisify(execFile)

export type CreateOptions = {
  /** Made if missing; must not hold a cluster yet. */
  readonly dir: string
  /** @default 18 */
  readonly version?: Version
}

/**
 * Makes an empty cluster in `dir/data`: superuser `rdsadmin`, RDS's roles, checksums, UTF-8 with code point order,
 * segments of 1 MB so that an idle database's archive stays small. It is not started.
 * The first call on a machine runs initdb and keeps the result as a template; later ones copy it and give the
 * copy a system identifier of its own.
 */
export async function createCluster(options: CreateOptions): Promise<void> {
  const data = join(options.dir, 'data')
  if (existsSync(join(data, 'PG_VERSION')))
    throw new Error(
      `${data} already holds a cluster\nHINT: start it with startCluster, or choose another folder`,
    )
  const template = await findTemplate(options.version ?? 18)
  makePrivateFolder(options.dir)
  await copyTree(join(template, 'data'), data)
  renewSystemIdentifier(data)
  ownTree(data)
}

/** One setting as `pg_settings` describes it. */
export type KnownSetting = {
  readonly name: string
  /** `postmaster` needs a restart, `internal` cannot be set at all. */
  readonly context: string
  readonly vartype: string
  readonly description: string
  readonly unit: string | null
  readonly boot: string | null
  readonly min: string | null
  readonly max: string | null
  readonly values: readonly string[] | null
}

/** Every setting that this version and its preloaded libraries have. */
export async function knownSettings(version: Version): Promise<KnownSetting[]> {
  const home = await findTemplate(version)
  return JSON.parse(readFileSync(join(home, 'settings.json'), 'utf8')) as KnownSetting[]
}

const LIST_SETTINGS = `
select name, context, vartype, short_desc as description, unit, boot_val as boot, min_val as min, max_val as max,
  enumvals as values
from pg_catalog.pg_settings order by name`

/** The folder of this version's template, made when it is missing. Two processes may make it at once: one wins. */
function findTemplate(version: Version): Promise<string> {
  const found = templates.get(version) ?? makeTemplate(version)
  templates.set(version, found)
  // A failure is not kept: the next caller tries again.
  found.catch(() => templates.delete(version))
  return found
}

const templates = new Map<Version, Promise<string>>()

async function makeTemplate(version: Version): Promise<string> {
  const programs = installation(version)
  const content = createHash('sha256')
    .update(perCluster + perDatabase + heartbeatTable + LIST_SETTINGS)
    .digest('hex')
    .slice(0, 12)
  const home = join(
    dirname(dirname(dirname(programs.postgres))),
    `template-${version}-${programs.fingerprint}-${content}`,
  )
  if (existsSync(home)) return home
  const next = `${home}.${process.pid}`
  rmSync(next, { recursive: true, force: true })
  mkdirSync(next, { recursive: true, mode: 0o700 })
  own(next)
  await run(
    programs.initdb,
    [
      ...['-D', join(next, 'data'), '-U', 'rdsadmin', '-A', 'trust', '-E', 'UTF8', '-k', '--no-sync'],
      ...['--locale=C', '--locale-provider=builtin', '--builtin-locale=C.UTF-8', '--wal-segsize=1'],
    ],
    { ...unprivileged(), env: { PATH: process.env.PATH, LC_ALL: 'C', TZ: 'UTC' }, cwd: next },
  )
  await furnish(next, version)
  try {
    renameSync(next, home)
  } catch (error) {
    rmSync(next, { recursive: true, force: true })
    if (!existsSync(home)) throw error
  }
  return home
}

/** Brings RDS's roles and rights into the template. New databases inherit from template1, and a few from template0. */
async function furnish(dir: string, version: Version): Promise<void> {
  const cluster = await startCluster({ dir, version, settings: { shared_preload_libraries: PRELOADED } })
  try {
    writeFileSync(join(dir, 'settings.json'), JSON.stringify(await cluster.query(LIST_SETTINGS)))
    await cluster.query(perCluster)
    await cluster.query('alter database template0 allow_connections true')
    for (const database of ['postgres', 'template1', 'template0'])
      await cluster.query(perDatabase, [], database)
    await cluster.query('alter database template0 allow_connections false')
    await cluster.query('create database rdsadmin')
    await cluster.query(heartbeatTable, [], 'rdsadmin')
    await cluster.query('revoke all on database rdsadmin from public')
  } finally {
    await cluster.stop('fast')
  }
}
