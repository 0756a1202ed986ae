import type pg from 'pg'
import { sentence } from '../../runtime/failure.ts'
import { type Holding, sayHolding } from '../../runtime/holding.ts'
import type { Check } from '../../runtime/verdict.ts'
import { several } from '../check.ts'
import { refuseByName } from '../guard.ts'
import { type History, readHistory } from '../history.ts'
import {
  type DatabasesAnswer,
  type DatabasesRequest,
  type OtherDatabase,
  UNPROVEN_SCHEMA,
} from '../request.ts'
import { compareSchemas } from '../schema.ts'
import { withSession } from '../session.ts'
import type { Side, Sides } from '../side.ts'
import { countRows } from './contents.ts'

/** Milliseconds for counting; what is not counted by then is estimated. */
const COUNTING = 240_000
/** Milliseconds after which no further database is looked at. */
const LOOKING = 480_000

/**
 * Every database but the one that was asked for, and those that nobody's rows are in: two templates, and the one that is
 * RDS's own and lets nobody in.
 */
const OTHERS = `
select d.datname::pg_catalog.text as name, pg_catalog.quote_ident(d.datname) as title
from pg_catalog.pg_database d
where d.datname not in ('template0', 'template1', 'rdsadmin', pg_catalog.current_database())
order by 1`

type Other = { readonly name: string; readonly title: string }

/** Where the copy ends, for dating what differs. */
type Given = Pick<DatabasesRequest, 'boundary' | 'cut'> & { readonly end: number }

/**
 * A copy holds every database of its cluster, and one of them is compared row by row. Of each other one it is said here
 * what it holds; its catalogs are compared; its rows are not, and the answer counts them.
 */
export async function databases(
  request: DatabasesRequest,
  sides: Sides & { readonly copy: Side },
): Promise<DatabasesAnswer> {
  refuseByName(request.copy, request.primary)
  const { primary, copy } = sides
  const given = { ...request, end: Date.now() }
  const own = await withSession(copy, list)
  const theirs = primary && (await withSession(primary, list))
  const found: OtherDatabase[] = []
  const checks: Check[] = [listed(own)]
  for (const other of own) {
    const there = theirs === undefined || theirs.some(({ name }) => name === other.name)
    const looked = await lookAt(other, { copy, primary: there ? primary : undefined }, given)
    if (looked.database) found.push(looked.database)
    checks.push(...looked.checks)
    if (!there) checks.push(onlyInCopy(other))
  }
  for (const other of theirs ?? [])
    if (primary && !own.some(({ name }) => name === other.name))
      checks.push(await onlyOnPrimary(other, primary, copy, given))
  return { checks, databases: found }
}

const list = async (client: pg.Client) => (await client.query<Other>(OTHERS)).rows

const listed = (own: readonly Other[]): Check => ({
  name: 'databases.listed',
  verdict: 'pass',
  detail:
    own.length === 0
      ? 'the copy has no other database'
      : `the copy has ${own.length} other ${own.length === 1 ? 'database' : 'databases'}: ${several(own.map(({ title }) => title))}`,
  asked: OTHERS.trim(),
})

type Looked = { readonly database?: OtherDatabase; readonly checks: readonly Check[] }

async function lookAt({ name, title }: Other, { copy, primary }: Sides, given: Given): Promise<Looked> {
  const check = `databases.${title}`
  if (copy === undefined) return { checks: [] }
  if (Date.now() > given.end + LOOKING)
    return { checks: [unknown(check, `database ${title} was not looked at: there was no time left`)] }
  try {
    return await withSession(copy.within(name), async client => {
      const holding = await countRows(client, given.end + COUNTING)
      const schema = primary
        ? await withSession(primary.within(name), theirs => compareMade(title, theirs, client, given))
        : []
      return {
        database: { name, title, ...holding },
        checks: [said(check, title, holding), ...schema],
      }
    })
  } catch (error) {
    return { checks: [unknown(check, `database ${title} could not be looked at: ${sentence(error)}`)] }
  }
}

const unknown = (name: string, detail: string): Check => ({ name, verdict: 'unknown', detail })

function said(name: string, title: string, holding: Holding): Check {
  if (holding.tables === 0)
    return { name, verdict: 'pass', detail: `database ${title} holds no table with a row` }
  return { name, verdict: 'skipped', detail: `database ${title} ${sayHolding(holding)} is not compared` }
}

/** Whether it is made alike on both sides: what it holds more or less of is known by that, if not its rows. */
async function compareMade(
  title: string,
  primary: pg.Client,
  copy: pg.Client,
  { boundary, cut }: Given,
): Promise<Check[]> {
  if (cut === undefined) return []
  const { checks } = await compareSchemas(primary, copy, boundary, cut)
  return checks
    .filter(({ name, verdict }) => verdict !== 'skipped' || name === UNPROVEN_SCHEMA)
    .map(check => ({
      ...check,
      name: check.name.replace('structure.schema', `databases.schema.${title}`),
      detail: `database ${title}: ${check.detail}`,
    }))
}

/** Nothing records that a database is dropped: no trigger fires for it, and no stream carries it. */
const onlyInCopy = ({ title }: Other): Check =>
  unknown(
    `databases.only.${title}`,
    `database ${title} is in the copy and no longer on the primary: nothing says that it was dropped after the cut`,
  )

/**
 * The comparison of catalogs dates a database by its own row, which renaming it or granting on it makes anew: what is
 * in it is older.
 */
async function onlyOnPrimary(
  { name, title }: Other,
  primary: Side,
  copy: Side,
  given: Given,
): Promise<Check> {
  const check = `databases.missing.${title}`
  const { boundary, cut } = given
  if (boundary === undefined || cut === undefined)
    return unknown(check, `database ${title} is missing in the copy, and nothing says since when`)
  try {
    const old = await withSession(copy, mine =>
      withSession(primary.within(name), async theirs =>
        isOlder(theirs, mine, await readHistory(theirs, mine, boundary, cut)),
      ),
    )
    return old
      ? unknown(check, `database ${title} is missing in the copy, and holds what is older than the cut`)
      : {
          name: check,
          verdict: 'pass',
          detail: `database ${title} is not in the copy: all in it is younger than the cut`,
        }
  } catch (error) {
    return unknown(
      check,
      `database ${title} is missing in the copy and could not be looked at: ${sentence(error)}`,
    )
  }
}

const WRITERS = `
select distinct c.xmin::pg_catalog.text as xmin
from pg_catalog.pg_class c
where c.oid >= 16384`

async function isOlder(theirs: pg.Client, mine: pg.Client, history: History): Promise<boolean> {
  const { rows } = await theirs.query<{ xmin: string }>(WRITERS)
  const xids = rows.map(({ xmin }) => history.onPrimary(Number(xmin))).filter(history.mayBeInCopy)
  return (await history.committedInCopy(mine, xids)).size > 0
}
