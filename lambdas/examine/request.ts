import type { Blocks } from '../runtime/blocks.ts'
import type { TableResult } from '../runtime/table-result.ts'
import type { Check } from '../runtime/verdict.ts'

/** A database to ask. `identifier` is the RDS instance identifier; a copy's begins with the drill prefix. */
export type Endpoint = {
  readonly identifier: string
  readonly host: string
  readonly port: number
  readonly database: string
}

/** Where the copy's own history begins. Frozen by `open`, before anything wrote on the copy; handed to every later task. */
export type Boundary = {
  /** xid8 as decimal text: the first transaction id that the copy may have given out itself. */
  readonly nextXid: string
  /** True when nothing can have written between the end of recovery and this reading. */
  readonly exact: boolean
  readonly timeline: number
}

/** The point in the primary's history at which the copy ends: the newest heartbeat that survived in it. */
export type Cut = {
  readonly seq: string
  /** ISO time with microseconds, by the primary's clock. */
  readonly at: string
  readonly lsn: string
  /** `pg_current_snapshot()` as text. */
  readonly snapshot: string
  readonly instance: string
  readonly timeline: number
}

/** A sentinel that was committed on the primary around the asked time. */
export type Canary = {
  readonly id: string
  /** Seconds after (negative: before) the target that were aimed at. */
  readonly offset: number
  /** ISO time by the primary's clock, just before its commit. */
  readonly at: string
}

/**
 * Blocks `from` (inclusive) to `to` (exclusive) of one table; `to` null means to the end of the file on both sides.
 * `from` −1 is a whole table that was rewritten since the cut. Opaque to the drill: it hands them on.
 */
export type BlockRange = readonly [table: number, from: number, to: number | null]

/** Damage that can be done to a copy on purpose. The last four happen outside SQL and are answered `skipped`. */
export const FAULTS = [
  'row-deleted',
  'row-changed',
  'row-added',
  'index-dropped',
  'grant-lost',
  'sequence-behind',
  'heap-byte-flipped',
  'index-byte-flipped',
  'wrong-time',
  'other-database',
] as const
export type FaultKind = (typeof FAULTS)[number]

/** Commits sentinels on the primary at target −2, −1, +1, +2 s. Without `target` it takes the next fitting whole second. Runs ~6 s. */
export type CanariesRequest = {
  readonly task: 'canaries'
  readonly primary: Endpoint
  readonly drill: string
  /** ISO, whole seconds, in the primary's near future. */
  readonly target?: string
}
export type CanariesAnswer = {
  readonly checks: Check[]
  /** ISO, whole seconds: what to ask RDS for. */
  readonly target: string
  readonly canaries: Canary[]
}

/** Reads the primary's clock and place in its log. */
export type MarkRequest = {
  readonly task: 'mark'
  readonly primary: Endpoint
  /** True where a replica stands for the primary, which lives in another region. @default false: a replica is refused */
  readonly standby?: boolean
}
export type MarkAnswer = {
  readonly checks: Check[]
  /** ISO with microseconds, by the primary's clock. */
  readonly now: string
  readonly lsn: string
  readonly timeline: number
  readonly systemIdentifier: string
  /** e.g. `18.4` */
  readonly version: string
  /** Null when no heartbeat was ever written. */
  readonly heartbeatAgeSeconds: number | null
  readonly heartbeatInstance: string | null
  /** True for a replica: nothing can be committed there, and it shows what it has replayed. */
  readonly recovering: boolean
}

/**
 * Connects to the copy, runs `select 1`, freezes the boundary, then the warm queries.
 * @throws Transient `CopyNotReady` while it cannot be reached or recovers: call again.
 */
export type OpenRequest = {
  readonly task: 'open'
  readonly copy: Endpoint
  /** The workload's own queries; RTO ends when all have answered. */
  readonly warm?: readonly string[]
}
export type OpenAnswer = {
  readonly checks: Check[]
  readonly boundary: Boundary
  /** Milliseconds from the connection attempt to the answer of `select 1`. */
  readonly firstQueryMs: number
  /** Milliseconds from the connection attempt until every warm query had answered. */
  readonly warmMs: number
  /** ISO, this function's clock, when the last warm query had answered: the end of the RTO. */
  readonly warmAt: string
}

/** Silences everything in the copy that would reach out by itself, and proves it. Comes right after `open`. */
export type QuarantineRequest = {
  readonly task: 'quarantine'
  readonly copy: Endpoint
  readonly primary?: Endpoint
}
export type QuarantineAnswer = { readonly checks: Check[] }

/** Is this the copy of our database, at the time that was asked for? */
export type IdentifyRequest = {
  readonly task: 'identify'
  readonly copy: Endpoint
  readonly boundary: Boundary
  readonly expected: {
    readonly systemIdentifier: string
    /** RDS identifiers that may have written heartbeats: the primary, and a former primary. */
    readonly instances: readonly string[]
    /** Major version, or `major.minor` to be exact. */
    readonly version: string
    /** The primary's timeline when it was marked. */
    readonly timeline: number
  }
  /** `time`: `target` is what RDS was asked for. `latest`: target is the LatestRestorableTime. `snapshot`: its creation time. */
  readonly mode: 'time' | 'latest' | 'snapshot'
  /** ISO. */
  readonly target: string
  readonly canaries?: readonly Canary[]
  /** With it, the newest heartbeat of the copy must be the one that the primary wrote last before the target. */
  readonly primary?: Endpoint
}
export type IdentifyAnswer = { readonly checks: Check[] }

/** Where the copy ends and what that costs. */
export type CutRequest = {
  readonly task: 'cut'
  readonly copy: Endpoint
  readonly primary?: Endpoint
  /** ISO, the primary's clock: the moment of the (simulated) disaster that the loss is counted to. */
  readonly disasterAt: string
}
export type CutAnswer = {
  readonly checks: Check[]
  /** Null when the copy holds no heartbeat: then nothing can be dated and the drill fails. */
  readonly cut: Cut | null
  /**
   * True once the primary holds what the copy lacks. A replica that has not replayed as far as the copy's end would
   * accuse the copy of every row that was deleted in between: wait and ask again.
   */
  readonly referenceAhead: boolean
  /** Seconds from the cut to `disasterAt`; null without a cut. */
  readonly rpoSeconds: number | null
  readonly lost: {
    readonly heartbeats: number | null
    /** Transaction ids given out between the cut and the disaster: an upper bound of the transactions lost. */
    readonly transactions: number | null
    /** Not known here: the comparison's `newSince` and `changedSince` are the rows. Always null until an archive counts them. */
    readonly rows: number | null
  }
}

/** Schema, rights, settings, and amcheck over every index and heap. Call again with `after: next` until `next` is absent. */
export type StructureRequest = {
  readonly task: 'structure'
  readonly copy: Endpoint
  /** With it, both catalogs are compared; what differs is dated by its transaction. */
  readonly primary?: Endpoint
  /** Makes the dating exact to the last transaction; without it, to the last heartbeat. */
  readonly boundary?: Boundary
  readonly after?: string
  /** Milliseconds after which to stop and answer `next`. @default 600_000 */
  readonly budgetMs?: number
}
export type StructureAnswer = {
  readonly checks: Check[]
  readonly next?: string
  /** SHA-256 of the copy's catalogs; absent in follow-up answers. */
  readonly schemaDigest?: string
}

/**
 * What the other databases of the cluster hold, which a copy brings along and nothing compares row by row. With the
 * primary, the boundary and the cut their catalogs are compared.
 */
export type DatabasesRequest = {
  readonly task: 'databases'
  readonly copy: Endpoint
  readonly primary?: Endpoint
  readonly boundary?: Boundary
  readonly cut?: Cut
}
export type OtherDatabase = {
  readonly name: string
  /** Quoted where needed. */
  readonly title: string
  /** Tables of the copy with at least one row, and the large objects as one. */
  readonly tables: number
  readonly rows: number
  /** False where PostgreSQL's own estimate is among the counts. */
  readonly counted: boolean
}
export type DatabasesAnswer = {
  /** One that could not be looked at is `unknown`, and in no other place. */
  readonly checks: Check[]
  readonly databases: readonly OtherDatabase[]
}

/** What is to be compared, cut into batches of about equal size for fan-out. */
export type PlanRequest = {
  readonly task: 'plan'
  readonly copy: Endpoint
  readonly primary: Endpoint
  readonly boundary: Boundary
  readonly cut: Cut
  /** At most so many batches. @default 64 */
  readonly batches?: number
  /** A batch is not cut smaller than this many bytes. @default 268_435_456 */
  readonly batchBytes?: number
}
export type PlanAnswer = {
  readonly checks: Check[]
  /** Each goes into one `compare`. */
  readonly batches: readonly (readonly BlockRange[])[]
  readonly tables: number
  readonly bytes: number
  /** What will not be compared, and why: unlogged, foreign, … Each is also a `skipped` check. */
  readonly notCompared: readonly { readonly table: string; readonly why: string }[]
}

/** Compares one batch. When the time is up, what is left comes back as `rest`: call again with it. */
export type CompareRequest = {
  readonly task: 'compare'
  readonly copy: Endpoint
  readonly primary: Endpoint
  readonly boundary: Boundary
  readonly cut: Cut
  readonly batch: readonly BlockRange[]
  /** Milliseconds after which no new chunk is begun. @default 600_000 */
  readonly budgetMs?: number
  /** Connections to each side. @default 2 */
  readonly concurrency?: number
}
export type CompareAnswer = {
  /** A check per table that is not simply equal, and one for the batch. `judgeTables` gives the final ones. */
  readonly checks: Check[]
  readonly tables: readonly TableResult[]
  readonly rest: readonly BlockRange[]
  readonly bytes: number
}

/**
 * Sees every row version of a database, and keeps its place, its transaction and its hash: a witness of what a copy must
 * hold where the primary has the row no longer. Any server with that history will do: the stack names it, no event can.
 */
export type WitnessRequest = {
  readonly task: 'witness'
  /** Milliseconds after which no further table is begun; the next reading begins with those that are left. @default 600_000 */
  readonly budgetMs?: number
}
export type WitnessAnswer = {
  readonly checks: Check[]
  /** ISO with microseconds, by the server's clock: when the reading began. */
  readonly at: string
  readonly rows: number
  readonly bytes: number
  readonly seconds: number
  /** Tables that were not seen. */
  readonly left: number
}

/** How the contents of a row that only the copy has were proven: by a witness, by the archive's last image of it, by the old row of its next change. */
export type Proof = 'witness' | 'image' | 'old-row'

/** Rows of one table that only the copy has, by what is known of their contents. */
export type ContentsResult = {
  /** Quoted where needed, with its schema. */
  readonly table: string
  readonly oid: number
  /** Whether its changes go to the archive. */
  readonly archived: boolean
  readonly rows: number
  readonly witness: number
  readonly image: number
  readonly oldRow: number
  readonly corrupt: number
  readonly unproven: number
  /** The first few that are not proven: where, which transaction, and why; never content. */
  readonly faults: readonly {
    readonly ctid: string
    readonly xmin: string
    readonly kind: 'corrupt' | 'unproven'
    readonly why: string
  }[]
}

/** Blocks of a table in which the comparison found rows that only the copy has. */
export type ContentsRange = {
  readonly oid: number
  /** `multiset`: a row's place on the primary says nothing. */
  readonly strategy: TableResult['strategy']
  readonly changedIn: readonly Blocks[]
}

/**
 * Proves the contents of rows that only the copy has, which the comparison can only count. Comes before anything writes
 * on the copy. When there are more than fit into memory, what is left comes back as `rest`: call again with it.
 * @throws Transient `ArchiveBehind` while the archive does not reach the copy's end: call again
 */
export type ContentsRequest = {
  readonly task: 'contents'
  readonly copy: Endpoint
  readonly primary: Endpoint
  readonly boundary: Boundary
  readonly cut: Cut
  readonly systemIdentifier: string
  /** A position of the primary's log behind every change that the comparison saw. */
  readonly until: string
  readonly tables: readonly ContentsRange[]
  /** True to hold the copy's sequences against the archive's seals around its end, too. */
  readonly sequences?: boolean
  /** Milliseconds after which the archive is not read further back. @default 600_000 */
  readonly budgetMs?: number
}
export type ContentsAnswer = {
  readonly checks: Check[]
  readonly tables: readonly ContentsResult[]
  readonly rest: readonly ContentsRange[]
}

/** The check that counts what only the copy's catalogs have and nothing dates: its detail begins with their number. */
export const UNPROVEN_SCHEMA = 'structure.schema.unproven'

/** SQL of the environment's config; each must answer one row whose first column is true. */
export type AssertionsRequest = {
  readonly task: 'assertions'
  readonly copy: Endpoint
  readonly assertions: readonly { readonly name: string; readonly sql: string }[]
}
export type AssertionsAnswer = { readonly checks: Check[] }

/** Damages the copy, for a negative control. */
export type FaultRequest = {
  readonly task: 'fault'
  readonly copy: Endpoint
  readonly primary: Endpoint
  readonly kind: FaultKind
  /** `schema.table`; without it, a table that can be damaged is chosen. */
  readonly table?: string
}
export type FaultAnswer = {
  readonly checks: Check[]
  /** True when the damage was done. */
  readonly done: boolean
  /** What was damaged, e.g. a table or an index; null when nothing was. */
  readonly target: string | null
}

/** Every task by name: what goes in and what comes out. */
export type Tasks = {
  canaries: { request: CanariesRequest; answer: CanariesAnswer }
  mark: { request: MarkRequest; answer: MarkAnswer }
  open: { request: OpenRequest; answer: OpenAnswer }
  quarantine: { request: QuarantineRequest; answer: QuarantineAnswer }
  identify: { request: IdentifyRequest; answer: IdentifyAnswer }
  cut: { request: CutRequest; answer: CutAnswer }
  structure: { request: StructureRequest; answer: StructureAnswer }
  databases: { request: DatabasesRequest; answer: DatabasesAnswer }
  plan: { request: PlanRequest; answer: PlanAnswer }
  compare: { request: CompareRequest; answer: CompareAnswer }
  witness: { request: WitnessRequest; answer: WitnessAnswer }
  contents: { request: ContentsRequest; answer: ContentsAnswer }
  assertions: { request: AssertionsRequest; answer: AssertionsAnswer }
  fault: { request: FaultRequest; answer: FaultAnswer }
}
export type TaskName = keyof Tasks
export type ExamineRequest = Tasks[TaskName]['request']
export type ExamineAnswer<T extends TaskName> = Tasks[T]['answer']
