import type pg from 'pg'
import type { Endpoint } from './request.ts'

/** One server and how to reach it. Every call opens a new connection; the caller ends it. */
export type Side = {
  readonly endpoint: Endpoint
  readonly open: () => Promise<pg.Client>
  /** As the login that may only read, for SQL that users wrote. */
  readonly openForAssertions: () => Promise<pg.Client>
  /** The same server's other database of that name. */
  readonly within: (database: string) => Side
}

/** What an examination was given: the living primary, the copy, or both. */
export type Sides = { readonly primary?: Side; readonly copy?: Side }
