import { createHash } from 'node:crypto'
import type pg from 'pg'
import type { Lsn } from '../../runtime/segment/lsn.ts'
import type { Tuple } from '../../runtime/segment/pgoutput.ts'
import { ctidOf } from '../../runtime/witness/versions.ts'
import { type Facts, rowsQuery } from './facts.ts'

/** A row that only the copy has, and what was found out about its contents. */
export type Row = {
  readonly facts: Facts
  readonly place: number
  readonly xmin: number
  /** What it holds; long values as their SHA-256. */
  readonly values: readonly (string | null)[]
  /** One letter a column: `t` where it holds what it must if the archive says nothing of it. */
  readonly otherwise: string
  readonly witness: { readonly found: 'equal' | 'other'; readonly lsn: Lsn } | undefined
  /** Columns of which the archive has not said what they hold. */
  readonly open: Set<number>
  /** Those of them that the table did not have when the archive last told of the row. */
  readonly absent: Set<number>
  /** What the archive's newest change of it before the copy's end says. */
  image: 'equal' | 'other' | 'gone' | 'partly' | undefined
  /** Transaction of that change. */
  imageXid: number | undefined
  /** What the first change after the copy's end found, where the archive carries whole rows. */
  old: 'equal' | 'other' | undefined
  /** The archive was read back to where the witness saw it and tells of no change of it: it was still there. */
  settled: boolean
}

/** A version as it was read by place. */
export type Left = Pick<Row, 'place' | 'xmin' | 'witness'>

/** Longer values are compared by their hash: memory is for rows, not for documents. */
const LONG = 64

export function folded(value: string): string {
  return value.length <= LONG ? value : `sha256 ${createHash('sha256').update(value).digest('base64')}`
}

/** Rows in one statement. */
const TOGETHER = 5_000

const RAW = { getTypeParser: () => (value: unknown) => value } as unknown as pg.CustomTypesConfig

/** Reads what these rows hold. One that is there no more is left out. */
export async function readRows(client: pg.Client, facts: Facts, left: readonly Left[]): Promise<Row[]> {
  const rows: Row[] = []
  for (let at = 0; at < left.length; at += TOGETHER) {
    const some = left.slice(at, at + TOGETHER)
    const known = new Map(some.map(one => [ctidOf(one.place), one]))
    for (const [ctid, ...values] of await ask(client, facts, [...known.keys()])) {
      const one = known.get(ctid ?? '')
      if (!one) continue
      const otherwise = values.pop() ?? ''
      rows.push({
        ...{ facts, place: one.place, xmin: one.xmin, witness: one.witness, otherwise },
        values: values.map(value => (value === null ? null : folded(value))),
        ...{ open: new Set(values.keys()), absent: new Set<number>() },
        ...{ image: undefined, imageXid: undefined, old: undefined, settled: false },
      })
    }
  }
  return rows
}

async function ask(client: pg.Client, facts: Facts, ctids: string[]): Promise<(string | null)[][]> {
  const query = (text: string) =>
    client.query<(string | null)[]>({ text, values: [ctids], rowMode: 'array', types: RAW })
  try {
    return (await query(rowsQuery(facts))).rows
  } catch (error) {
    // A generated column's expression may call what this role may not: then nothing is known of it.
    if (!facts.columns.some(({ isGenerated }) => isGenerated)) throw error
    const columns = facts.columns.map(column =>
      column.isGenerated ? { ...column, otherwise: undefined } : column,
    )
    return (await query(rowsQuery({ ...facts, columns }))).rows
  }
}

/** The text by which a row is found: its key, or all of it where it has none. */
export function keyText(values: Tuple): string {
  if (values.length === 1) return values[0] ?? ''
  return JSON.stringify(values.map(value => (value === undefined ? 0 : value)))
}
