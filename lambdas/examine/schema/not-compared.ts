/** A system catalog, or a column of one, whose rows may rightly differ between a primary and its copy. */
export type NotCompared = {
  readonly catalog: string
  /** Absent: the whole catalog. */
  readonly column?: string
  /** Why, and what looks at it instead. */
  readonly why: string
}

const IN_PLACE = 'written in place, without a transaction that dates it'

/**
 * All that the comparison of catalogs leaves out. Every other column of every catalog of PostgreSQL 17 and 18 is
 * compared; a test reads both servers' own lists and holds this one complete.
 */
export const NOT_COMPARED: readonly NotCompared[] = [
  { catalog: 'pg_statistic', why: 'what ANALYZE counted: it changes plans and no answer' },
  { catalog: 'pg_statistic_ext_data', why: 'what ANALYZE counted: it changes plans and no answer' },
  { catalog: 'pg_largeobject', why: 'compared like a table, row by row' },
  { catalog: 'pg_largeobject_metadata', why: 'compared like a table, row by row' },
  { catalog: 'pg_class', column: 'relpages', why: `${IN_PLACE}: an estimate` },
  { catalog: 'pg_class', column: 'reltuples', why: `${IN_PLACE}: an estimate` },
  { catalog: 'pg_class', column: 'relallvisible', why: `${IN_PLACE}: an estimate` },
  { catalog: 'pg_class', column: 'relallfrozen', why: `${IN_PLACE}: an estimate` },
  {
    catalog: 'pg_class',
    column: 'relfrozenxid',
    why: `${IN_PLACE} by VACUUM; amcheck holds the rows against it`,
  },
  {
    catalog: 'pg_class',
    column: 'relminmxid',
    why: `${IN_PLACE} by VACUUM; amcheck holds the rows against it`,
  },
  { catalog: 'pg_class', column: 'relhasindex', why: `${IN_PLACE}: held against pg_index instead` },
  {
    catalog: 'pg_class',
    column: 'relhasrules',
    why: `${IN_PLACE} by VACUUM: held against pg_rewrite instead`,
  },
  {
    catalog: 'pg_class',
    column: 'relhastriggers',
    why: `${IN_PLACE} by VACUUM: held against pg_trigger instead`,
  },
  { catalog: 'pg_database', column: 'datfrozenxid', why: `${IN_PLACE} by VACUUM` },
  { catalog: 'pg_database', column: 'datminmxid', why: `${IN_PLACE} by VACUUM` },
  {
    catalog: 'pg_database',
    column: 'dathasloginevt',
    why: `${IN_PLACE} at a login: held against pg_event_trigger instead`,
  },
  {
    catalog: 'pg_attribute',
    column: 'attcacheoff',
    why: 'a place for a number in memory: the same in every row on disk, and gone in PostgreSQL 18',
  },
  {
    catalog: 'pg_subscription',
    column: 'subenabled',
    why: 'quarantine disables every subscription of a copy',
  },
  { catalog: 'pg_subscription', column: 'subskiplsn', why: 'whoever applies changes moves it' },
]

/** Columns that are compared for some rows only: an SQL condition on the row `c` under which they are not. */
export const NOT_OF_EVERY_ROW: readonly (NotCompared & {
  readonly column: string
  readonly where: string
})[] = [
  ...['rolpassword', 'rolvaliduntil'].map(column => ({
    catalog: 'pg_authid',
    column,
    where: `c.rolsuper or c.rolname ~ '^rds' or exists (
      select from pg_catalog.pg_auth_members m join pg_catalog.pg_roles g on g.oid = m.roleid
      where m.member = c.oid and g.rolname = 'rds_superuser')`,
    why: "a drill gives the copy's master user a password of its own, and RDS its own users",
  })),
]
