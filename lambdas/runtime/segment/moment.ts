/** Microseconds between 1970-01-01 and 2000-01-01, PostgreSQL's epoch. */
const EPOCH = 946_684_800_000_000n

/**
 * A time as PostgreSQL counts it (microseconds since 2000-01-01 UTC) as ISO text with six decimals. Texts of this
 * shape sort by time, and none of a commit's microseconds is lost on the way, which a Date would do.
 */
export function formatMoment(postgres: bigint): string {
  const unix = postgres + EPOCH
  const micros = ((unix % 1_000_000n) + 1_000_000n) % 1_000_000n
  const seconds = Number((unix - micros) / 1_000_000n)
  return `${new Date(seconds * 1_000).toISOString().slice(0, 19)}.${micros.toString().padStart(6, '0')}Z`
}
