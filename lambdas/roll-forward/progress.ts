import type pg from 'pg'
import type { Computed } from './repeat.ts'

/** A place inside a transaction that was not applied to its end: its commit position, and how many of its steps are done. */
export type Step = { readonly commit: bigint; readonly done: number }

/** How far a copy's rows were rolled forward. Written in the same transaction as the changes that it counts. */
export type Progress = {
  /** Commit positions as numbers; null before the first. */
  readonly boundary: bigint | null
  readonly boundaryAt: string | null
  /** No transaction at or before this one is looked at again. */
  readonly seen: bigint | null
  readonly applied: bigint | null
  readonly appliedAt: string | null
  readonly transactions: number
  readonly rows: number
  /** Logical messages of others that were passed over. */
  readonly messages: number
  /** Null between two transactions. */
  readonly step: Step | null
}

/** How far its schema was. Written in the same transaction as each change, by the other login. */
export type SchemaProgress = {
  step: Step | null
  schemaChanges: number
  /** Sentences about what could not be repeated. */
  leftOut: readonly string[]
  /** Sentences about what is never repeated on a copy. */
  withheld: readonly string[]
  /** Roles that a change of the schema needed and the copy had not. */
  roles: readonly string[]
  computed: readonly Computed[]
}

type States = { readonly progress: Progress; readonly schema_progress: SchemaProgress }

const NOTHING: States = {
  progress: {
    ...{ boundary: null, boundaryAt: null, seen: null, applied: null, appliedAt: null },
    ...{ transactions: 0, rows: 0, messages: 0, step: null },
  },
  schema_progress: {
    ...{ step: null, schemaChanges: 0, leftOut: [], withheld: [], roles: [], computed: [] },
  },
}

const POSITIONS = ['boundary', 'seen', 'applied', 'commit']

/** What the copy remembers; the table was made when the copy was taken. */
export async function loadState<T extends keyof States>(client: pg.Client, table: T): Promise<States[T]> {
  const { rows } = await client.query(`select state::pg_catalog.text from holdfast_roll_forward.${table}`)
  if (rows[0] === undefined) return NOTHING[table]
  return JSON.parse(rows[0].state, (name, value) =>
    POSITIONS.includes(name) && value !== null ? BigInt(value) : value,
  )
}

/** Part of the caller's transaction. It has no name that users' code could give to another statement. */
export function saveState<T extends keyof States>(
  client: pg.Client,
  table: T,
  state: States[T],
): Promise<unknown> {
  const text = JSON.stringify(state, (_, value) => (typeof value === 'bigint' ? String(value) : value))
  return client.query(
    `insert into holdfast_roll_forward.${table} values (true, $1) on conflict (one) do update set state = excluded.state`,
    [text],
  )
}

/** How many steps of the transaction at `commit` are done, by whichever login came further. */
export function stepsDone(commit: bigint, ...steps: readonly (Step | null)[]): number {
  return Math.max(0, ...steps.map(step => (step?.commit === commit ? step.done : 0)))
}
