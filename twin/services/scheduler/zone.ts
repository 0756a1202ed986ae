/** What a clock on the wall of a zone shows; the month is 1 to 12. */
export type WallClock = {
  readonly year: number
  readonly month: number
  readonly day: number
  readonly hour: number
  readonly minute: number
  readonly second: number
}

const formats = new Map<string, Intl.DateTimeFormat>()

function formatOf(zone: string): Intl.DateTimeFormat {
  const known = formats.get(zone)
  if (known) return known
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone: zone,
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  })
  formats.set(zone, format)
  return format
}

/** The wall clock of a zone at an instant in milliseconds. Throws a RangeError for an unknown zone. */
export function wallClockOf(instant: number, zone: string): WallClock {
  const parts = new Map(
    formatOf(zone)
      .formatToParts(instant)
      .map(({ type, value }) => [type, Number(value)]),
  )
  const part = (type: Intl.DateTimeFormatPartTypes) => parts.get(type) ?? 0
  return {
    year: part('year'),
    month: part('month'),
    day: part('day'),
    hour: part('hour'),
    minute: part('minute'),
    second: part('second'),
  }
}

/** The first instant at which the zone's clock shows this; undefined when it never does, as when clocks go forward. */
export function instantOf(wall: WallClock, zone: string): number | undefined {
  const asUtc = utcOf(wall)
  for (const guess of [
    asUtc - offsetAt(asUtc - 86_400_000, zone),
    asUtc - offsetAt(asUtc + 86_400_000, zone),
  ])
    if (utcOf(wallClockOf(guess, zone)) === asUtc) return guess
  return undefined
}

function utcOf({ year, month, day, hour, minute, second }: WallClock): number {
  return Date.UTC(year, month - 1, day, hour, minute, second)
}

// Milliseconds that the zone is ahead of UTC at an instant.
function offsetAt(instant: number, zone: string): number {
  return utcOf(wallClockOf(instant, zone)) - Math.floor(instant / 1_000) * 1_000
}
