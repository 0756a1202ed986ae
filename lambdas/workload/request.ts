/** What the services felt over one interval. Times in milliseconds; percentages 0 to 100. */
export type Workload = {
  readonly calls: number
  readonly mean: number
  readonly p50: number
  readonly p95: number
  readonly p99: number
  readonly lockWaits: number
  readonly rollbackPercent: number
  readonly connectionsPercent: number
  readonly tableBloatPercent: number
  readonly indexBloatPercent: number
  readonly wraparoundPercent: number
  readonly multixactPercent: number
  readonly slotsPercent: number
  /** The statements that cost most in the interval, most first; their text normalized by pg_stat_statements. */
  readonly top: readonly {
    readonly query: string
    readonly calls: number
    readonly totalMs: number
    readonly meanMs: number
  }[]
}
