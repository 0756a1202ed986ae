import { existsSync, readdirSync, statSync } from 'node:fs'
import { readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import { makePrivateFolder, own } from './account.ts'
import type { Cluster } from './cluster.ts'
import { quoteForShell } from './quote.ts'
import type { Settings } from './settings.ts'

const compress = promisify(gzip)

/**
 * Settings that archive every finished segment into `folder`, which is made. PostgreSQL's own basic_archive writes
 * it: a segment is there whole or not at all, and is never overwritten by another one.
 */
export function archiveTo(folder: string): Settings {
  makePrivateFolder(folder)
  return { archive_mode: true, archive_library: 'basic_archive', 'basic_archive.archive_directory': folder }
}

/** The command that brings a segment back, packed or not. */
export function restoreCommand(folder: string): string {
  const file = (suffix: string) => `${quoteForShell(`${folder}/`)}"%f"${suffix}`
  return `cp ${file('')} "%p" 2>/dev/null || gzip -dc ${file('.gz')} > "%p" 2>/dev/null`
}

/** A moment to which an archive can bring a base backup. */
export type ArchivedMoment = {
  /** A commit with this time, in milliseconds since the epoch, is in the archive. */
  readonly committed: number
  /** The segment that holds it. */
  readonly segment: string
}

type Client = { query: (text: string) => Promise<{ rows: unknown[] }> }

/** Commits a row of rdsadmin's own and ends its segment. The client is connected to the database `rdsadmin`. */
export async function endSegment(client: Client): Promise<ArchivedMoment> {
  const committed = await beat(client)
  const { rows } = (await client.query(
    'select pg_catalog.pg_walfile_name(pg_catalog.pg_switch_wal()) as segment',
  )) as { rows: { segment: string }[] }
  return { committed, segment: rows[0]?.segment ?? '' }
}

/**
 * Ends the segment and waits until it is in the archive. Any moment before the commit can then be reached:
 * recovery to a time needs a later commit in the archive.
 */
export async function archiveNow(
  cluster: Cluster,
  folder: string,
  waitUntil: (isThere: () => boolean) => Promise<void>,
): Promise<ArchivedMoment> {
  const client = await cluster.connect('rdsadmin')
  try {
    const moment = await endSegment(client)
    await waitUntil(() => isArchived(folder, moment.segment))
    return moment
  } finally {
    await client.end()
  }
}

/** Whether the archive holds a segment, packed or not. */
export const isArchived = (folder: string, segment: string) =>
  existsSync(join(folder, segment)) || existsSync(join(folder, `${segment}.gz`))

/** Commits rdsadmin's heartbeat and returns that commit's time in milliseconds since the epoch. */
export async function beat(client: {
  query: (text: string) => Promise<{ rows: unknown[] }>
}): Promise<number> {
  const { rows } = (await client.query(
    'insert into heartbeat as h (id, beaten) values (1, pg_catalog.now()) on conflict (id) do update set beaten = excluded.beaten returning pg_catalog.pg_current_xact_id()::text as xid',
  )) as { rows: { xid: string }[] }
  const xid = rows[0]?.xid
  const time = (await client.query(
    `select extract(epoch from pg_catalog.pg_xact_commit_timestamp('${xid}'::xid8::xid)) * 1000 as at`,
  )) as { rows: { at: string }[] }
  return Number(time.rows[0]?.at)
}

/** The archive's segments in order, without the suffix of packed ones. */
export function archivedSegments(folder: string): string[] {
  if (!existsSync(folder)) return []
  return readdirSync(folder)
    .map(name => name.replace(/\.gz$/, ''))
    .filter(name => /^[0-9A-F]{24}$/.test(name))
    .sort()
}

/** Packs segments whose end is empty, as those of an idle database are: a megabyte becomes a few kilobytes. */
export async function packIdleSegments(folder: string, names: readonly string[]): Promise<void> {
  for (const name of names) {
    const file = join(folder, name)
    if (!existsSync(file)) continue
    const seen = statSync(file).mtimeMs
    const bytes = await readFile(file)
    if (bytes.subarray(-32_768).some(byte => byte !== 0)) continue
    const next = join(folder, `.${name}.gz`)
    await writeFile(next, await compress(bytes, { level: 1 }), { mode: 0o600 })
    own(next)
    // A segment that was dropped or damaged meanwhile must stay so: its packed twin would bring it back.
    if (!existsSync(file) || statSync(file).mtimeMs !== seen) {
      await rm(next, { force: true })
      continue
    }
    await rename(next, `${file}.gz`)
    await rm(file, { force: true })
  }
}

/** Drops what an archive holds that no backup needs. */
export async function emptyArchive(folder: string): Promise<void> {
  for (const segment of archivedSegments(folder))
    for (const suffix of ['', '.gz']) await rm(join(folder, `${segment}${suffix}`), { force: true })
}
