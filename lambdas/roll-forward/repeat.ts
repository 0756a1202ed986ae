import type pg from 'pg'
import { Refusal, sentence } from '../runtime/failure.ts'
import { shapeOf } from '../runtime/statement-shape.ts'
import { type Recorded, RIGHTS } from './schema-change.ts'
import { notApplied } from './sender.ts'

/** A table into which a repeated statement wrote rows or values, by its object id in the copy. */
export type Computed = { readonly table: number; readonly statement: string }

/** What came of a repeated change beside the change. */
export type Repeated = {
  /** Sentences about what could not be repeated as it was. */
  readonly leftOut: readonly string[]
  /** Roles that were made for it. */
  readonly roles: readonly string[]
  readonly computed: readonly Computed[]
}

/** Values that come from the statement itself: the stream has no row of them. */
const COMPUTES = /\b(?:default|using|generated|identity|\w*serial\d?|set\s+logged)\b/i

/** Statements of which the stream has no row at all. */
const MAKES_ROWS = ['CREATE TABLE AS', 'SELECT INTO']

/** SQLSTATE class of a broken constraint: the rows are not what they were on the primary. */
const INTEGRITY = '23'

/** SQLSTATE classes of a lost connection and of an operator's intervention; whatever is no SQLSTATE is neither's. */
const NOT_ITS_FAULT = /^(?:08|57)|^(?!.{5}$)/

/**
 * Repeats a change of the schema on the copy, as the role that made it and in its words' own meaning. Part of the
 * caller's transaction.
 * @param key what the session took the copy with
 * @throws Refusal `NotApplied` when the copy's rows stand against it, `NotRepeated` for any other reason
 */
export async function repeat(
  client: pg.Client,
  key: string,
  recorded: Recorded,
  text: string,
): Promise<Repeated> {
  const { tag, role, roles, settings, searchPath, objects } = recorded
  const asked = await client.query('select holdfast.make_roles_on_copy($1, $2) as made', [
    key,
    JSON.stringify(roles ?? []),
  ])
  const { made } = asked.rows[0]
  await client.query('savepoint schema_change')
  let standsIn = false
  try {
    await client.query(
      'select pg_catalog.set_config(s.key, s.value, true) from pg_catalog.jsonb_each_text($1) as s',
      [JSON.stringify(settings ?? {})],
    )
    const values = [key, role ?? null, searchPath ?? 'pg_catalog', tag, text]
    const done = await client.query(
      'select holdfast.repeat_on_copy($1, $2, $3, $4, $5) as "standsIn"',
      values,
    )
    standsIn = done.rows[0].standsIn
    await client.query('release savepoint schema_change')
  } catch (error) {
    if (!RIGHTS.includes(tag)) throw refused(text, error)
    await client.query('rollback to savepoint schema_change')
    return { leftOut: [`${tag}: ${sentence(error)}`], roles: made, computed: [] }
  }
  return {
    leftOut:
      standsIn && tag.startsWith('CREATE ')
        ? [`${tag}: done as the database's owner, since nobody here may act as ${role}`]
        : [],
    roles: made,
    computed: await computedBy(client, tag, text, objects),
  }
}

async function computedBy(
  client: pg.Client,
  tag: string,
  text: string,
  objects: Recorded['objects'],
): Promise<readonly Computed[]> {
  if (!MAKES_ROWS.includes(tag) && !(tag === 'ALTER TABLE' && COMPUTES.test(text))) return []
  const names = (objects ?? []).flatMap(({ type, identity }) => (type === 'table' ? [identity] : []))
  const { rows } = await client.query(
    `select distinct t.relid::pg_catalog.oid::pg_catalog.int8 as "table"
     from pg_catalog.unnest($1::pg_catalog.text[]) as name
     cross join lateral (
       select pg_catalog.to_regclass(name) as relid
       union all select relid from pg_catalog.pg_partition_tree(pg_catalog.to_regclass(name))
     ) as t
     where t.relid is not null`,
    [names],
  )
  return rows.map(({ table }) => ({ table: Number(table), statement: shapeOf(text).slice(0, 100) }))
}

/** What a change's failure means; one that is no answer of the server's to the change comes back as it is. */
export function refused(text: string, cause: unknown): unknown {
  const { code } = cause as { code?: unknown }
  if (cause instanceof Refusal || typeof code !== 'string' || NOT_ITS_FAULT.test(code)) return cause
  if (code.startsWith(INTEGRITY)) return notApplied(text, cause)
  return new Refusal(
    'NotRepeated',
    `a change of the schema could not be repeated on the copy: ${shapeOf(text).slice(0, 300)}`,
    'roll forward to just before it, or take a base backup after it',
    { cause },
  )
}
