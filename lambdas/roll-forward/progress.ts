import type pg from 'pg'
import type { Computed } from './repeat.ts'

/** How far a copy was rolled forward. Written in the same transaction as the changes that it counts. */
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
  readonly schemaChanges: number
  /** Sentences about what could not be repeated. */
  readonly leftOut: readonly string[]
  /** Sentences about what is never repeated on a copy. */
  readonly withheld: readonly string[]
  /** Roles that a change of the schema needed and the copy had not. */
  readonly roles: readonly string[]
  readonly computed: readonly Computed[]
}

export const NOTHING: Progress = {
  boundary: null,
  boundaryAt: null,
  seen: null,
  applied: null,
  appliedAt: null,
  transactions: 0,
  rows: 0,
  schemaChanges: 0,
  leftOut: [],
  withheld: [],
  roles: [],
  computed: [],
}

/** Makes the place for the progress, in the schema that opening the copy made, so that its own schemas stay as they are. */
export async function prepareProgress(client: pg.Client): Promise<Progress> {
  await client.query(
    'create table if not exists holdfast_roll_forward.progress (one boolean primary key check (one), state jsonb not null)',
  )
  const { rows } = await client.query('select state from holdfast_roll_forward.progress')
  const state = rows[0]?.state
  if (state === undefined) return NOTHING
  const number = (text: string | null) => (text === null ? null : BigInt(text))
  return {
    ...state,
    boundary: number(state.boundary),
    seen: number(state.seen),
    applied: number(state.applied),
  }
}

/** Part of the caller's transaction. */
export function saveProgress(client: pg.Client, progress: Progress): Promise<unknown> {
  const state = JSON.stringify(progress, (_, value) => (typeof value === 'bigint' ? String(value) : value))
  return client.query({
    name: 'progress',
    text: 'insert into holdfast_roll_forward.progress values (true, $1) on conflict (one) do update set state = excluded.state',
    values: [state],
  })
}
