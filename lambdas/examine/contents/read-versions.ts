import type pg from 'pg'
import { EMPTY, joinVersions, type Versions, versionsOf } from '../../runtime/witness/versions.ts'
import { within } from '../digest.ts'

/** Blocks in one statement: 32 MB, some tenths of a second, which is how long it holds the horizon of vacuum. */
const CHUNK = 4_096

export type Stretch = {
  readonly address: string
  /** The hash of a version as SQL; without it hashes are 0. */
  readonly hash?: string
  readonly from: number
  /** Exclusive; null: to the end of the file. */
  readonly to: number | null
}

/** Rows must come in the order of their place: no scan may begin where another one is, nor be shared among workers. */
export async function prepareReading(client: pg.Client): Promise<void> {
  await client.query(
    `select pg_catalog.set_config('synchronize_seqscans', 'off', false),
       pg_catalog.set_config('max_parallel_workers_per_gather', '0', false)`,
  )
}

/** Every visible version of these blocks. @param blocks of the file as it is now, where `to` is open */
export async function readVersions(client: pg.Client, stretch: Stretch, blocks: number): Promise<Versions> {
  const parts: Versions[] = []
  const end = stretch.to ?? blocks
  for (let from = stretch.from; from < end || from === stretch.from; from += CHUNK) {
    const last = from + CHUNK >= end
    parts.push(await readChunk(client, { ...stretch, from, to: last ? stretch.to : from + CHUNK }))
  }
  const joined = joinVersions(parts)
  for (let at = 1; at < joined.places.length; at++)
    if ((joined.places[at] ?? 0) <= (joined.places[at - 1] ?? 0))
      throw new Error(`the rows of ${stretch.address} came out of order`)
  return joined
}

async function readChunk(client: pg.Client, stretch: Stretch): Promise<Versions> {
  const text = `
select ${['tidsend(r.ctid)', 'xidsend(r.xmin)', 'int8send(r.hash)'].map(strung).join(', ')}
from (
  select t.ctid, t.xmin, ${stretch.hash ?? '0::pg_catalog.int8'} as hash
  from only ${stretch.address} t
  where ${within(stretch)}
  offset 0
) r`
  const { rows } = await client.query<(string | null)[]>({ text, rowMode: 'array' })
  const [tids, xids, hashes] = (rows[0] ?? []).map(value => Buffer.from(value ?? '', 'base64'))
  return tids && xids && hashes ? versionsOf(tids, xids, hashes) : EMPTY
}

/** The driver takes text only; a message a row would cost more than its hash. */
const strung = (bytes: string) =>
  `pg_catalog.encode(pg_catalog.string_agg(pg_catalog.${bytes}, ''), 'base64')`
