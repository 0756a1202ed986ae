import type pg from 'pg'
import { sentence } from '../../runtime/failure.ts'
import { quote } from '../relations.ts'

/** What became of the question whether an index finds the rows of its table. */
export type Probed =
  | { readonly kind: 'proven'; readonly rows: number; readonly sampled: boolean }
  | { readonly kind: 'fault'; readonly detail: string }
  | { readonly kind: 'unproven'; readonly why: string }

/**
 * The index's table, and for each key its expression and the operators of its family under which a value meets itself.
 * Code of a user's is not run: operators and functions must be PostgreSQL's own or an extension's.
 */
const INDEX = `
with ours(oid) as (
  select p.oid from pg_catalog.pg_proc p where p.pronamespace = 'pg_catalog'::pg_catalog.regnamespace
  union all
  select d.objid from pg_catalog.pg_depend d
  where d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass and d.deptype = 'e'
)
select
  x.relname as index, n.nspname as schema, t.relname as name, t.reltuples::pg_catalog.int8 as rows,
  pg_catalog.pg_get_expr(i.indpred, i.indrelid) as predicate,
  not exists (
    select from pg_catalog.pg_depend d
    where d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass and d.objid = i.indexrelid
      and d.refclassid = 'pg_catalog.pg_proc'::pg_catalog.regclass and d.refobjid not in (select o.oid from ours o)
  ) as ours,
  (
    select pg_catalog.json_agg(pg_catalog.json_build_object(
      'expression', pg_catalog.pg_get_indexdef(i.indexrelid, k.n::pg_catalog.int4, false),
      'operators', (
        select coalesce(pg_catalog.json_agg(pg_catalog.json_build_array(on_.nspname, o.oprname) order by f.place), '[]')
        from pg_catalog.pg_amop a
        join pg_catalog.pg_operator o on o.oid = a.amopopr and o.oprcode in (select u.oid from ours u)
        join pg_catalog.pg_namespace on_ on on_.oid = o.oprnamespace
        join pg_catalog.unnest(array['=', '~=', '@>', '&&', '<@', '<=', '>=', '@@']) with ordinality f(name, place)
          on f.name = o.oprname::pg_catalog.text
        where a.amopfamily = c.opcfamily and a.amoppurpose = 's'
          and (a.amoplefttype = a.amoprighttype and o.oprname <> '@@'
            or o.oprname = '@@' and a.amoplefttype = 'pg_catalog.tsvector'::pg_catalog.regtype)
          and a.amoplefttype in (c.opcintype, case when c.opckeytype = 0 then c.opcintype else c.opckeytype end)
      ),
      'excludes', (
        select pg_catalog.json_build_array(en.nspname, e.oprname)
        from pg_catalog.pg_constraint q
        join pg_catalog.pg_operator e on e.oid = q.conexclop[k.n] and e.oprcode in (select u.oid from ours u)
        join pg_catalog.pg_namespace en on en.oid = e.oprnamespace
        where q.conindid = i.indexrelid and q.conexclop is not null
      )) order by k.n)
    from pg_catalog.generate_series(1, i.indnkeyatts) k(n)
    join pg_catalog.pg_opclass c on c.oid = i.indclass[k.n - 1]
  ) as keys
from pg_catalog.pg_index i
join pg_catalog.pg_class x on x.oid = i.indexrelid
join pg_catalog.pg_class t on t.oid = i.indrelid
join pg_catalog.pg_namespace n on n.oid = t.relnamespace
where i.indexrelid = $1`

type Operator = readonly [schema: string, name: string]

type Index = {
  readonly index: string
  readonly schema: string
  readonly name: string
  readonly rows: string
  readonly predicate: string | null
  readonly ours: boolean
  readonly keys: readonly {
    readonly expression: string
    readonly operators: readonly Operator[]
    readonly excludes: Operator | null
  }[]
}

/** Rows that are looked up: all of a small table, else a sample of about so many. A BRIN answers with whole ranges. */
const ROWS = { brin: 500, other: 20_000 }

/** Makes a nested loop over the index the one plan left, and ends what takes too long. */
const FORCED = `
select
  pg_catalog.set_config(s.name, 'off', true)
from pg_catalog.pg_settings s
where s.name in ('enable_seqscan', 'enable_tidscan', 'enable_hashjoin', 'enable_mergejoin', 'enable_material', 'enable_memoize', 'jit')
union all
select pg_catalog.set_config('max_parallel_workers_per_gather', '0', true)
union all
select pg_catalog.set_config('statement_timeout', '120s', true)`

/**
 * Looks rows of the table up through the index, one by one, for access methods of which amcheck knows nothing; and
 * looks for two rows that an exclusion constraint forbids. Only a plan that uses the index counts.
 */
export async function probeIndex(client: pg.Client, oid: number, method: string): Promise<Probed> {
  const index = (await client.query<Index>(INDEX, [oid])).rows[0]
  if (!index) return { kind: 'unproven', why: 'it is gone' }
  if (!index.ours) return { kind: 'unproven', why: "a user's function is part of it" }
  if (index.keys.every(key => key.operators.length === 0))
    return { kind: 'unproven', why: 'no operator of its family finds a value by itself' }
  await client.query('begin')
  try {
    await client.query(FORCED)
    return await look(client, index, method)
  } catch (error) {
    const { code = '' } = error as { code?: string }
    if (/^(XX|58)/.test(code)) return { kind: 'fault', detail: sentence(error) }
    return { kind: 'unproven', why: sentence(error) }
  } finally {
    await client.query('rollback')
  }
}

async function look(client: pg.Client, index: Index, method: string): Promise<Probed> {
  const most = method === 'brin' ? ROWS.brin : ROWS.other
  const rows = Number(index.rows)
  const sampled = rows > most
  const share = Math.max(0.01, (100 * most) / Math.max(rows, 1))
  const sample = sampled ? `tablesample system (${share.toFixed(2)})` : ''
  const found = await planned(client, index, sample)
  if (found === undefined) return { kind: 'unproven', why: 'PostgreSQL takes another way to these rows' }
  const { asked, lost } = (await client.query<{ asked: string; lost: string }>(found)).rows[0] ?? {
    asked: '0',
    lost: '0',
  }
  if (Number(lost) > 0)
    return { kind: 'fault', detail: `${lost} of ${asked} rows that were looked up are not found through it` }
  const twice = exclusions(index, sample)
  const pairs = twice === undefined ? 0 : Number((await client.query(twice)).rows[0]?.pairs ?? 0)
  if (pairs > 0) return { kind: 'fault', detail: `${pairs} rows are there beside one that they exclude` }
  return { kind: 'proven', rows: Number(asked), sampled }
}

/** Where another index leads to the same rows, other operators or another kind of scan may be this one's alone. */
const SCANS = [
  { enable_bitmapscan: 'on', enable_indexscan: 'on' },
  { enable_bitmapscan: 'off', enable_indexscan: 'on' },
  { enable_bitmapscan: 'on', enable_indexscan: 'off' },
]

/** The question in a form for which PostgreSQL uses the index, with the settings in force; undefined where it never does. */
async function planned(client: pg.Client, index: Index, sample: string): Promise<string | undefined> {
  const choices = index.keys.map(key => choicesOf(key.operators))
  const most = Math.max(...choices.map(choice => choice.length))
  for (let at = 0; at < most; at += 1)
    for (const scans of SCANS) {
      for (const [name, value] of Object.entries(scans))
        await client.query('select pg_catalog.set_config($1, $2, true)', [name, value])
      const question = lookups(
        index,
        choices.map(choice => choice[Math.min(at, choice.length - 1)] ?? []),
        sample,
      )
      const plan = (await client.query(`explain (format json) ${question}`)).rows[0]
      if (JSON.stringify(plan).includes(`"Index Name":${JSON.stringify(index.index)}`)) return question
    }
  return undefined
}

/** Each operator by itself; those of an order together, since one alone finds half of the table. */
function choicesOf(operators: readonly Operator[]): (readonly Operator[])[] {
  const order = operators.filter(([, name]) => name === '<=' || name === '>=')
  const alone = operators.filter(one => !order.includes(one)).map(one => [one])
  return order.length === 2 ? [...alone, order] : alone
}

const operatorOf = ([schema, name]: Operator) => `operator(${quote(schema)}.${name})`

/** A text search index is asked for some of the words of a row. */
const wordsOf = (value: string) => `(
  select pg_catalog.string_agg(pg_catalog.quote_literal(w.word), ' & ')::pg_catalog.tsquery
  from (select word from pg_catalog.unnest(pg_catalog.tsvector_to_array(${value})) word where word ~ '^[[:alnum:]]+$' limit 5) w
)`

function lookups(index: Index, choice: readonly (readonly Operator[])[], sample: string): string {
  const table = `only ${quote(index.schema)}.${quote(index.name)}`
  const predicate = index.predicate === null ? 'true' : `(${index.predicate})`
  const keys = index.keys.flatMap(({ expression }, at) => {
    const operators = choice[at] ?? []
    const words = operators.some(([, name]) => name === '@@')
    return operators.length === 0 ? [] : [{ expression: `(${expression})`, at, operators, words }]
  })
  const values = keys
    .map(({ expression, at, words }) => `${words ? wordsOf(expression) : expression} as v${at}`)
    .join(', ')
  // A value that does not meet itself, as an empty range does not overlap, cannot be looked for.
  const meets = keys
    .flatMap(({ at, operators, words }) =>
      words
        ? [`s.v${at} is not null`]
        : operators.map(operator => `s.v${at} ${operatorOf(operator)} s.v${at}`),
    )
    .join(' and ')
  const conditions = keys
    .flatMap(({ expression, at, operators }) =>
      operators.map(operator => `${expression} ${operatorOf(operator)} s.v${at}`),
    )
    .join(' and ')
  return `
select count(*) as asked, count(*) filter (where s.found = 0) as lost
from (
  -- A count and no EXISTS, which may be answered out of one reading of the table.
  select (
    select count(*) from ${table} t where ${conditions} and ${predicate} and t.ctid::pg_catalog.text = s.place
  ) as found
  from (select t.ctid::pg_catalog.text as place, ${values} from ${table} t ${sample} where ${predicate} offset 0) s
  where ${meets}
  offset 0
) s`
}

function exclusions(index: Index, sample: string): string | undefined {
  if (index.keys.some(key => key.excludes === null)) return undefined
  const table = `only ${quote(index.schema)}.${quote(index.name)}`
  const predicate = index.predicate === null ? 'true' : `(${index.predicate})`
  const values = index.keys.map(({ expression }, at) => `(${expression}) as v${at}`).join(', ')
  const conditions = index.keys
    .map(({ expression, excludes }, at) => `(${expression}) ${operatorOf(excludes ?? ['', '='])} s.v${at}`)
    .join(' and ')
  return `
select count(*) as pairs
from (select t.ctid::pg_catalog.text as place, ${values} from ${table} t ${sample} where ${predicate} offset 0) s
where 0 < (
  select count(*) from ${table} t where ${conditions} and ${predicate} and t.ctid::pg_catalog.text <> s.place
)`
}
