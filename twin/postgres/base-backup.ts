import { readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { makePrivateFolder, own, ownTree } from './account.ts'
import type { Cluster } from './cluster.ts'
import { copyTree } from './tree.ts'

export type BaseBackup = {
  /** `<dir>/data` is a copy of PGDATA that becomes consistent by replaying its own segments. */
  readonly dir: string
  readonly startLsn: string
  readonly stopLsn: string
  /** Milliseconds since the epoch: the copy is consistent at this moment and not before. */
  readonly stoppedAt: number
  readonly bytes: number
}

/** What a copy leaves out: the server's own state, and what it makes again. `pg_wal` is copied afterwards. */
const isLeftOut = (path: string) =>
  /^(postmaster\.(pid|opts)|pg_wal\/.+|pg_replslot\/.+|pg_stat_tmp\/.+|pg_dynshmem\/.+|pg_notify\/.+|pg_serial\/.+|pg_snapshots\/.+|pg_subtrans\/.+|backup_label.*|tablespace_map.*|standby\.signal|recovery\.signal|postgresql\.auto\.conf\.tmp)$/.test(
    path,
  ) || /(^|\/)pgsql_tmp/.test(path)

/**
 * Takes a base backup of a running cluster, primary or standby, into `to/data`, together with the segments that
 * make it consistent: it needs no archive. A slot holds those segments on the server meanwhile.
 */
export async function baseBackup(cluster: Cluster, to: string): Promise<BaseBackup> {
  const data = join(to, 'data')
  makePrivateFolder(to)
  const client = await cluster.connect('postgres')
  try {
    const slot = `backup_${Math.random().toString(36).slice(2, 12)}`
    await client.query('select pg_catalog.pg_create_physical_replication_slot($1, true, true)', [slot])
    const start = await client.query('select pg_catalog.pg_backup_start($1, true)::text as lsn', [slot])
    await copyTree(cluster.data, data, { skip: isLeftOut })
    const stop = await client.query(
      `select lsn::text, labelfile, spcmapfile, extract(epoch from clock_timestamp()) * 1000 as at
       from pg_catalog.pg_backup_stop(false)`,
    )
    const row = stop.rows[0] as { lsn: string; labelfile: string; spcmapfile: string; at: string }
    await writeFile(join(data, 'backup_label'), row.labelfile, { mode: 0o600 })
    own(join(data, 'backup_label'))
    if (row.spcmapfile.trim() !== '') {
      await writeFile(join(data, 'tablespace_map'), row.spcmapfile, { mode: 0o600 })
      own(join(data, 'tablespace_map'))
    }
    await flushTo(client, row.lsn)
    const from = /file ([0-9A-F]{24})/.exec(row.labelfile)?.[1] ?? ''
    await copySegments(cluster.data, data, from)
    const size = await client.query(
      'select sum(pg_catalog.pg_database_size(oid)) as bytes from pg_catalog.pg_database',
    )
    return {
      dir: to,
      startLsn: String(start.rows[0]?.lsn),
      stopLsn: row.lsn,
      stoppedAt: Number(row.at),
      bytes: Number(size.rows[0]?.bytes),
    }
  } finally {
    await client.end()
  }
}

/** On a standby the stop record must have arrived before its segment can be copied. */
async function flushTo(
  client: { query: (text: string, values: unknown[]) => Promise<{ rows: { there: boolean }[] }> },
  lsn: string,
) {
  for (;;) {
    const { rows } = await client.query(
      `select case when pg_catalog.pg_is_in_recovery() then pg_catalog.pg_last_wal_replay_lsn() >= $1::pg_lsn
        else pg_catalog.pg_current_wal_flush_lsn() >= $1::pg_lsn end as there`,
      [lsn],
    )
    if (rows[0]?.there) return
  }
}

/** Segments from `first` on, on any timeline, and the timelines' histories. */
async function copySegments(from: string, to: string, first: string): Promise<void> {
  const wanted = (name: string) =>
    name.endsWith('.history') || (/^[0-9A-F]{24}$/.test(name) && name.slice(8) >= first.slice(8))
  const names = new Set((await readdir(join(from, 'pg_wal'))).filter(wanted))
  await copyTree(join(from, 'pg_wal'), join(to, 'pg_wal'), { skip: name => !names.has(name) })
  ownTree(join(to, 'pg_wal'))
}
