import type pg from 'pg'
import { quote, rightsOf } from './relations.ts'
import { NOT_COMPARED, NOT_OF_EVERY_ROW } from './schema/not-compared.ts'

/** A system catalog and what identifies a row of it. */
type Catalog = {
  readonly name: string
  readonly key: readonly string[]
  /** Rows that matter. */
  readonly where?: string
}

const oid = (name: string, where?: string): Catalog => ({ name, key: ['oid'], where })

/**
 * Oids of what belongs to a session: a copy has no session left, and its autovacuum drops such things while a living
 * one keeps them on the primary.
 */
const TEMPORARY = `(
  select t.oid from pg_catalog.pg_class t join pg_catalog.pg_namespace n on n.oid = t.relnamespace
  where t.relpersistence = 't' or n.nspname ~ '^pg_(toast_)?temp_'
  union all
  select t.oid from pg_catalog.pg_type t join pg_catalog.pg_namespace n on n.oid = t.typnamespace where n.nspname ~ '^pg_(toast_)?temp_'
  union all
  select p.oid from pg_catalog.pg_proc p join pg_catalog.pg_namespace n on n.oid = p.pronamespace where n.nspname ~ '^pg_(toast_)?temp_'
  union all
  select d.oid from pg_catalog.pg_attrdef d join pg_catalog.pg_class t on t.oid = d.adrelid where t.relpersistence = 't'
  union all
  select k.oid from pg_catalog.pg_constraint k join pg_catalog.pg_class t on t.oid = k.conrelid where t.relpersistence = 't'
  union all
  select g.oid from pg_catalog.pg_trigger g join pg_catalog.pg_class t on t.oid = g.tgrelid where t.relpersistence = 't'
  union all
  select r.oid from pg_catalog.pg_rewrite r join pg_catalog.pg_class t on t.oid = r.ev_class where t.relpersistence = 't'
  union all
  select p.oid from pg_catalog.pg_policy p join pg_catalog.pg_class t on t.oid = p.polrelid where t.relpersistence = 't'
  union all
  select x.oid from pg_catalog.pg_statistic_ext x join pg_catalog.pg_class t on t.oid = x.stxrelid where t.relpersistence = 't'
)`

const lasting = (...columns: readonly string[]) =>
  columns.map(column => `c.${column} not in ${TEMPORARY}`).join(' and ')

/** Everything that a schema consists of. Each row has its own xmin, which dates whatever differs. */
const CATALOGS: readonly Catalog[] = [
  oid('pg_namespace', `nspname !~ '^pg_(toast_)?temp_'`),
  oid('pg_class', lasting('oid')),
  { name: 'pg_attribute', key: ['attrelid', 'attnum'], where: lasting('attrelid') },
  oid('pg_attrdef', lasting('adrelid')),
  { name: 'pg_index', key: ['indexrelid'], where: lasting('indexrelid') },
  oid('pg_constraint', lasting('conrelid')),
  oid('pg_trigger', lasting('tgrelid')),
  oid('pg_proc', lasting('oid')),
  { name: 'pg_aggregate', key: ['aggfnoid'] },
  oid('pg_type', lasting('oid')),
  oid('pg_enum'),
  { name: 'pg_range', key: ['rngtypid'] },
  oid('pg_policy', lasting('polrelid')),
  { name: 'pg_sequence', key: ['seqrelid'], where: lasting('seqrelid') },
  oid('pg_rewrite', lasting('ev_class')),
  oid('pg_extension'),
  { name: 'pg_inherits', key: ['inhrelid', 'inhparent'], where: lasting('inhrelid') },
  { name: 'pg_partitioned_table', key: ['partrelid'], where: lasting('partrelid') },
  oid('pg_statistic_ext', lasting('stxrelid')),
  oid('pg_collation'),
  oid('pg_operator'),
  oid('pg_opclass'),
  oid('pg_opfamily'),
  oid('pg_amop'),
  oid('pg_amproc'),
  oid('pg_cast'),
  oid('pg_conversion'),
  oid('pg_language'),
  oid('pg_am'),
  oid('pg_event_trigger'),
  oid('pg_publication'),
  oid('pg_publication_rel'),
  oid('pg_publication_namespace'),
  oid('pg_foreign_data_wrapper'),
  oid('pg_foreign_server'),
  { name: 'pg_foreign_table', key: ['ftrelid'] },
  oid('pg_ts_config'),
  { name: 'pg_ts_config_map', key: ['mapcfg', 'maptokentype', 'mapseqno'] },
  oid('pg_ts_dict'),
  oid('pg_default_acl'),
  // All of them: a database that is missing in the copy has no other witness.
  oid('pg_database'),
  oid('pg_tablespace'),
  oid('pg_authid'),
  oid('pg_auth_members'),
  { name: 'pg_db_role_setting', key: ['setdatabase', 'setrole'] },
  oid('pg_parameter_acl'),
  oid('pg_user_mapping'),
  oid('pg_subscription'),
  { name: 'pg_subscription_rel', key: ['srsubid', 'srrelid'] },
  { name: 'pg_replication_origin', key: ['roident'] },
  oid('pg_transform'),
  oid('pg_ts_parser'),
  oid('pg_ts_template'),
  { name: 'pg_description', key: ['objoid', 'classoid', 'objsubid'], where: lasting('objoid') },
  { name: 'pg_shdescription', key: ['objoid', 'classoid'] },
  { name: 'pg_seclabel', key: ['objoid', 'classoid', 'objsubid', 'provider'] },
  { name: 'pg_shseclabel', key: ['objoid', 'classoid', 'provider'] },
  { name: 'pg_init_privs', key: ['objoid', 'classoid', 'objsubid'] },
  {
    name: 'pg_depend',
    key: ['classid', 'objid', 'objsubid', 'refclassid', 'refobjid', 'refobjsubid', 'deptype'],
    where: lasting('objid', 'refobjid'),
  },
  {
    name: 'pg_shdepend',
    key: ['dbid', 'classid', 'objid', 'objsubid', 'refclassid', 'refobjid', 'deptype'],
    where: `c.dbid in (0, (select d.oid from pg_catalog.pg_database d where d.datname = pg_catalog.current_database())) and ${lasting('objid')}`,
  },
]

/**
 * One row of a catalog: what it is, who wrote it, and what it says, as a hash. `xmin` is empty where only a view shows the
 * row: then nothing dates a difference.
 */
export type CatalogRow = {
  readonly key: string
  readonly xmin: string
  /** Who deleted it, or tried to: 0 where nobody did. */
  readonly xmax: string
  readonly hash: string
}

export type CatalogName = string

type Column = { readonly name: string; readonly type: string; readonly readable: boolean }

const COLUMNS = `
select
  c.relname::pg_catalog.text as catalog,
  pg_catalog.json_agg(pg_catalog.json_build_object(
    'name', a.attname, 'type', t.typname,
    'readable', pg_catalog.has_column_privilege(a.attrelid, a.attnum, 'select')) order by a.attnum) as columns
from pg_catalog.pg_attribute a
join pg_catalog.pg_class c on c.oid = a.attrelid
join pg_catalog.pg_type t on t.oid = a.atttypid
where a.attrelid = any ($1::pg_catalog.text[]::pg_catalog.regclass[]) and a.attnum > 0 and not a.attisdropped
group by 1`

/**
 * A column as a text that only a change of its own row changes: rights and references are written with the names of
 * roles, functions and schemas, which can be renamed.
 */
function textOf({ name, type }: Column): string {
  const column = `c.${quote(name)}`
  if (type === '_aclitem') return rightsOf(column)
  return type.startsWith('reg') ? `${column}::pg_catalog.oid::pg_catalog.text` : `${column}::pg_catalog.text`
}

const isCompared = (catalog: string, column: string) =>
  !NOT_COMPARED.some(one => one.catalog === catalog && (one.column ?? column) === column)

/** Columns of these that are compared, at least for some rows. For the test that holds the list complete. */
export const comparedColumns = (catalog: string, columns: readonly string[]): string[] =>
  CATALOGS.some(({ name }) => name === catalog) ? columns.filter(column => isCompared(catalog, column)) : []

function said(catalog: string, column: Column): string {
  const some = NOT_OF_EVERY_ROW.find(one => one.catalog === catalog && one.column === column.name)
  return some ? `case when not (${some.where}) then ${textOf(column)} end` : textOf(column)
}

function rowsQuery(catalog: Catalog, columns: readonly Column[], dated: boolean): string {
  const key = columns
    .filter(({ name }) => catalog.key.includes(name))
    .map(textOf)
    .join(` || '/' || `)
  // pg_node_tree has no hash: the row goes in as text.
  const text = columns
    .filter(({ name }) => isCompared(catalog.name, name))
    .map(column => said(catalog.name, column))
    .join(', ')
  return `select ${key} as key, ${dated ? 'c.xmin::pg_catalog.text' : `''`} as xmin, ${dated ? 'c.xmax::pg_catalog.text' : `'0'`} as xmax, pg_catalog.md5(row(${text})::pg_catalog.text) as hash from pg_catalog.${catalog.name} c where ${catalog.where ?? 'true'}`
}

/** Catalogs that all databases of a cluster share. What `pg_shdepend` says is of one database each. */
const SHARED: readonly CatalogName[] = [
  ...[
    'pg_database',
    'pg_tablespace',
    'pg_authid',
    'pg_auth_members',
    'pg_db_role_setting',
    'pg_parameter_acl',
  ],
  ...['pg_subscription', 'pg_replication_origin', 'pg_shdescription', 'pg_shseclabel'],
]

/**
 * Every catalog's rows by key; a catalog that may not be read is absent and named in `unread`.
 * @param which `own`: those of this database alone
 */
export async function readCatalogs(
  client: pg.Client,
  which: 'all' | 'own' = 'all',
): Promise<{ rows: Map<CatalogName, Map<string, CatalogRow>>; unread: string[] }> {
  const catalogs = which === 'all' ? CATALOGS : CATALOGS.filter(({ name }) => !SHARED.includes(name))
  const names = catalogs.map(catalog => `pg_catalog.${catalog.name}`)
  const { rows: described } = await client.query<{ catalog: string; columns: Column[] }>(COLUMNS, [names])
  const columns = new Map(described.map(row => [row.catalog, row.columns]))
  const rows = new Map<CatalogName, Map<string, CatalogRow>>()
  const unread: string[] = []
  const read = async (name: CatalogName, sql: string) =>
    rows.set(name, new Map((await client.query<CatalogRow>(sql)).rows.map(row => [row.key, row])))
  for (const catalog of catalogs) {
    const own = columns.get(catalog.name)
    if (!own) throw new Error(`${catalog.name} has no columns`)
    const hidden = own.filter(({ name, readable }) => !readable && isCompared(catalog.name, name))
    if (hidden.some(({ name }) => catalog.key.includes(name))) unread.push(catalog.name)
    else {
      // Who may not read every column may not read who wrote the row, either.
      const dated = hidden.length === 0
      const readable = own.filter(column => column.readable)
      await read(catalog.name, rowsQuery(catalog, readable, dated))
      unread.push(...hidden.map(({ name }) => `${catalog.name}.${name}`))
    }
  }
  if (unread.includes('pg_authid')) await read('pg_roles', ROLES)
  return { rows, unread }
}

/** What everybody may know of the roles, where their catalog may not be read, as on RDS. */
const ROLES = `
select r.oid::pg_catalog.text as key, '' as xmin, '0' as xmax, pg_catalog.md5(row(
  r.rolname, r.rolsuper, r.rolinherit, r.rolcreaterole, r.rolcreatedb, r.rolcanlogin, r.rolreplication, r.rolbypassrls,
  r.rolconnlimit, case when not r.rolsuper and r.rolname !~ '^rds' then r.rolvaliduntil end)::pg_catalog.text) as hash
from pg_catalog.pg_roles r`

const DESCRIBE = `
select coalesce(
  pg_catalog.pg_describe_object($1::pg_catalog.text::pg_catalog.regclass, $2::pg_catalog.oid, $3::pg_catalog.int4),
  $1::pg_catalog.text || ' ' || $2::pg_catalog.text) as name`

/** Words for a catalog row, e.g. `table orders column id`. Asked of the side that has it. */
export async function describeRow(client: pg.Client, catalog: CatalogName, key: string): Promise<string> {
  try {
    const { rows } = await client.query(DESCRIBE, objectOf(catalog, key.split('/')))
    return `${catalog}: ${rows[0].name}`
  } catch {
    // Not every catalog's rows are objects of their own; its key names the row all the same.
    return `${catalog}: ${key}`
  }
}

/** The object that a catalog row is about: its catalog by name or oid, its oid, its part. */
function objectOf(catalog: CatalogName, [first, second, third]: readonly string[]) {
  switch (catalog) {
    case 'pg_attribute':
      return ['pg_catalog.pg_class', first, second]
    case 'pg_roles':
      return ['pg_catalog.pg_authid', first, '0']
    case 'pg_index':
    case 'pg_sequence':
      return ['pg_catalog.pg_class', first, '0']
    case 'pg_aggregate':
      return ['pg_catalog.pg_proc', first, '0']
    case 'pg_depend':
      return [first, second, third]
    case 'pg_description':
    case 'pg_seclabel':
    case 'pg_init_privs':
      return [second, first, third]
    case 'pg_shdepend':
      return [second, third, '0']
    case 'pg_shdescription':
    case 'pg_shseclabel':
      return [second, first, '0']
    default:
      return [`pg_catalog.${catalog}`, first, '0']
  }
}
