import { Refusal } from '../failure.ts'

/** A position in the write-ahead log, in bytes since the cluster began. */
export type Lsn = bigint

/** PostgreSQL's own text of a position, e.g. `1A/2B3C4D50`. */
export function formatLsn(lsn: Lsn): string {
  return `${(lsn >> 32n).toString(16)}/${(lsn & 0xffff_ffffn).toString(16)}`.toUpperCase()
}

/** @throws Refusal `NotAnLsn` for anything but two hexadecimal numbers of at most eight digits and a slash. */
export function parseLsn(text: string): Lsn {
  const [, high, low] = /^([0-9A-Fa-f]{1,8})\/([0-9A-Fa-f]{1,8})$/.exec(text) ?? []
  if (high === undefined || low === undefined)
    throw new Refusal(
      'NotAnLsn',
      `"${text}" is not a log position`,
      'write it as PostgreSQL does: 1A/2B3C4D50',
    )
  return (BigInt(`0x${high}`) << 32n) | BigInt(`0x${low}`)
}

/** Sixteen hexadecimal digits: sorts as text in the order of the log. */
export function sortableLsn(lsn: Lsn): string {
  return lsn.toString(16).padStart(16, '0')
}
