import type { ClientConfig } from 'pg'
import { loadCommerce } from './commerce.ts'
import { type Damage, damageBefore } from './damage.ts'
import { loadDump } from './dump/load.ts'
import { startWriters, type Writers } from './writers.ts'

/** What stands in the database after loading. */
export type Loaded = {
  /** Where the data came from: `commerce sample` or the dump's path. */
  readonly source: string
  readonly tables: number
  /** The tables that were made or filled, quoted where needed, with their schema. */
  readonly relations: readonly string[]
  readonly rows: number
  readonly seconds: number
  /** Statements of a dump that were left out, each with its reason. */
  readonly skipped: readonly string[]
  /** Roles that the dump names and that were made for it, without login. */
  readonly roles: readonly string[]
}

export type Say = (sentence: string) => void

/**
 * What a rehearsal does to a database: fill it, keep writing, break it. Every call connects as the database's
 * owner through `connection`, like any client; nothing here knows whether a twin answers.
 */
export type Scenario = {
  load(say: Say): Promise<Loaded>
  /** Steady writes with savepoints and rollbacks among them, until `stop`. Survives a failover and counts it. */
  write(): Promise<Writers>
  /** A wrong DELETE without WHERE. Answers the moment before it, by the database's clock. */
  damage(): Promise<Damage>
}

export type ScenarioOptions = {
  readonly connection: ClientConfig
  /** Rows of the commerce sample. @default 1_000_000 */
  readonly rows?: number
  /** A `pg_dump` file to load in place of the sample. */
  readonly dumpFile?: string
}

export function openScenario(options: ScenarioOptions): Scenario {
  const { connection, dumpFile } = options
  // What stood in the database before is not the rehearsal's to damage.
  let loaded: readonly string[] | undefined
  return {
    load: async say => {
      const result =
        dumpFile === undefined
          ? await loadCommerce(connection, options.rows ?? 1_000_000, say)
          : await loadDump(connection, dumpFile, say)
      // The sample's story is that of its orders.
      loaded = dumpFile === undefined ? ['shop.orders'] : result.relations
      return result
    },
    write: () => startWriters(connection, dumpFile === undefined ? 'commerce' : 'any'),
    damage: () => damageBefore(connection, loaded),
  }
}
