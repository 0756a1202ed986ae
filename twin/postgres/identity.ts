import { randomInt } from 'node:crypto'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** CRC-32C (Castagnoli), as PostgreSQL guards its control file. */
function crc32c(bytes: Buffer): number {
  let crc = 0xffffffff
  for (const byte of bytes) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1
  }
  return (crc ^ 0xffffffff) >>> 0
}

/** Long page headers of the write-ahead log carry the system identifier at this offset. */
const WAL_HEADER_IDENTIFIER = 24

/**
 * Gives a cluster that was shut down cleanly a system identifier of its own, as initdb would have: two databases
 * copied from one template must never look like copies of each other.
 * The control file begins with the identifier and ends in a CRC-32C of all before it, the first segment repeats it.
 */
export function renewSystemIdentifier(data: string): void {
  const now = Date.now()
  const identifier =
    (BigInt(Math.floor(now / 1000)) << 32n) | (BigInt((now % 1000) * 1000) << 12n) | BigInt(randomInt(4096))
  const file = join(data, 'global', 'pg_control')
  const control = readFileSync(file)
  const end = findChecksum(control)
  control.writeBigUInt64LE(identifier, 0)
  control.writeUInt32LE(crc32c(control.subarray(0, end)), end)
  writeFileSync(file, control)
  for (const name of readdirSync(join(data, 'pg_wal'))) {
    if (!/^[0-9A-F]{24}$/.test(name)) continue
    const segment = readFileSync(join(data, 'pg_wal', name))
    segment.writeBigUInt64LE(identifier, WAL_HEADER_IDENTIFIER)
    writeFileSync(join(data, 'pg_wal', name), segment)
  }
}

/** Where the control file's checksum stands differs between versions; it is where the checksum matches. */
function findChecksum(control: Buffer): number {
  for (let end = 64; end < 512; end += 4)
    if (crc32c(control.subarray(0, end)) === control.readUInt32LE(end)) return end
  throw new Error(
    'the control file carries no valid checksum\nHINT: remove the template folder and try again',
  )
}
