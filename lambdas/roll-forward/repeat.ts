import pg from 'pg'
import { Refusal, sentence } from '../runtime/failure.ts'
import { shapeOf } from '../runtime/statement-shape.ts'
import { type Recorded, RIGHTS } from './schema-change.ts'
import { notApplied } from './sender.ts'
import { quote } from './statement.ts'

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

/** A change of the schema may read tables as it likes, and the archive's event triggers follow it as on the primary. */
const FREE = {
  enable_seqscan: 'on',
  enable_hashjoin: 'on',
  enable_mergejoin: 'on',
  'holdfast.following': 'off',
}

/** Values that come from the statement itself: the stream has no row of them. */
const COMPUTES = /\b(?:default|using|generated|identity|\w*serial\d?|set\s+logged)\b/i

/** Statements of which the stream has no row at all. */
const MAKES_ROWS = ['CREATE TABLE AS', 'SELECT INTO']

/** SQLSTATE class of a broken constraint: the rows are not what they were on the primary. */
const INTEGRITY = '23'

/**
 * Repeats a change of the schema on the copy, as the role that made it and in its words' own meaning. Part of the
 * caller's transaction.
 * @throws Refusal `NotApplied` when the copy's rows stand against it, `NotRepeated` for any other reason
 */
export async function repeat(client: pg.Client, recorded: Recorded, text: string): Promise<Repeated> {
  const { tag, role, roles, settings, searchPath, objects } = recorded
  const asked = await client.query('select holdfast.make_roles_on_copy($1, $2) as answer', [
    JSON.stringify(roles ?? []),
    role ?? null,
  ])
  const { made, may, owner, foreign } = asked.rows[0].answer
  const wanted = { ...FREE, ...settings, ...(searchPath !== undefined && { search_path: searchPath }) }
  await client.query('savepoint schema_change')
  try {
    const before = await readSettings(client, Object.keys(wanted))
    await set(client, wanted)
    if (may) {
      await client.query(`set local role ${quote(role ?? '')}`)
      await client.query(text)
      await client.query('set local role none')
    } else await repeatAsOwner(client, tag, text)
    await set(client, before)
    await client.query('release savepoint schema_change')
  } catch (error) {
    if (!RIGHTS.includes(tag)) throw refused(text, error)
    await client.query('rollback to savepoint schema_change')
    return { leftOut: [`${tag}: ${sentence(error)}`], roles: made, computed: [] }
  }
  return {
    leftOut:
      foreign && tag.startsWith('CREATE ')
        ? [`${tag}: done as ${owner}, since nobody here may act as ${role}`]
        : [],
    roles: made,
    computed: await computedBy(client, tag, text, objects),
  }
}

async function readSettings(client: pg.Client, names: readonly string[]): Promise<Record<string, string>> {
  const { rows } = await client.query(
    'select pg_catalog.jsonb_object_agg(name, pg_catalog.current_setting(name)) as all from pg_catalog.unnest($1::text[]) as name',
    [names],
  )
  return rows[0].all
}

/** Until the end of the transaction. */
async function set(client: pg.Client, settings: Readonly<Record<string, string>>): Promise<void> {
  await client.query(
    'select pg_catalog.set_config(s.key, s.value, true) from pg_catalog.jsonb_each_text($1) as s',
    [JSON.stringify(settings)],
  )
}

/** The owner's own role nobody can be granted, so a function of the owner repeats the statement. */
async function repeatAsOwner(client: pg.Client, tag: string, text: string): Promise<void> {
  const asOwner = (statement: string) => client.query('select holdfast.repeat_on_copy($1)', [statement])
  if (tag !== 'SELECT INTO') return void (await asOwner(text))
  // PL/pgSQL would take the INTO for its own.
  await asOwner(
    `create function pg_temp.holdfast_once() returns void language sql as ${pg.escapeLiteral(text)}`,
  )
  await asOwner('select pg_temp.holdfast_once()')
  await asOwner('drop function pg_temp.holdfast_once()')
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
    `select distinct t.relid::oid::int8 as "table"
     from pg_catalog.unnest($1::text[]) as name
     cross join lateral (
       select pg_catalog.to_regclass(name) as relid
       union all select relid from pg_catalog.pg_partition_tree(pg_catalog.to_regclass(name))
     ) as t
     where t.relid is not null`,
    [names],
  )
  return rows.map(({ table }) => ({ table: Number(table), statement: shapeOf(text).slice(0, 100) }))
}

function refused(text: string, cause: unknown): Refusal {
  const { code } = cause as { code?: unknown }
  if (typeof code === 'string' && code.startsWith(INTEGRITY)) return notApplied(text, cause)
  return new Refusal(
    'NotRepeated',
    `a change of the schema could not be repeated on the copy: ${shapeOf(text).slice(0, 300)}`,
    'roll forward to just before it, or take a base backup after it',
    { cause },
  )
}
