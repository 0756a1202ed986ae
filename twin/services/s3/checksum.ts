import { createHash } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { WireError } from '../../wire/call.ts'
import { crc32c, crc64nvme, type RunningCrc } from './crc.ts'

/** The checksums that the twin's S3 computes. */
export const ALGORITHMS = ['CRC32', 'CRC32C', 'CRC64NVME', 'SHA1', 'SHA256'] as const
export type Algorithm = (typeof ALGORITHMS)[number]

/** Checksums by algorithm, base64 (`abc=`, or `abc=-3` for a composite of three parts). */
export type Checksums = Partial<Record<Algorithm, string>>

function runningCrc32(): RunningCrc {
  let value = 0
  return {
    update: piece => {
      value = crc32(piece, value)
    },
    digest: () => {
      const result = Buffer.alloc(4)
      result.writeUInt32BE(value >>> 0)
      return result
    },
  }
}

function runningHash(name: string): RunningCrc {
  const hash = createHash(name)
  return { update: piece => void hash.update(piece), digest: () => hash.digest() }
}

/** A running checksum. */
export function startChecksum(algorithm: Algorithm | 'MD5'): RunningCrc {
  switch (algorithm) {
    case 'CRC32':
      return runningCrc32()
    case 'CRC32C':
      return crc32c()
    case 'CRC64NVME':
      return crc64nvme()
    default:
      return runningHash(algorithm.toLowerCase())
  }
}

type ChecksumMembers = Readonly<Record<string, unknown>>

const NO_CHECKSUM = new Set(['ChecksumAlgorithm', 'ChecksumMode', 'ChecksumType'])

/** The checksums that a request states in its members (`ChecksumCRC32`, …); one that the twin cannot check is refused. */
export function statedChecksums(input: ChecksumMembers): Checksums {
  const stated: Checksums = {}
  for (const [name, value] of Object.entries(input)) {
    if (!name.startsWith('Checksum') || NO_CHECKSUM.has(name) || typeof value !== 'string') continue
    const algorithm = readAlgorithm(name.slice('Checksum'.length))
    if (algorithm) stated[algorithm] = value
  }
  return stated
}

/** The algorithm that a request names; one that the twin does not compute is refused by name. */
export function readAlgorithm(name: unknown): Algorithm | undefined {
  if (name === undefined) return undefined
  const found = ALGORITHMS.find(algorithm => algorithm === name)
  if (!found)
    throw new WireError('NotImplemented', `the twin's S3 does not compute the checksum ${name}`, 501)
  return found
}

/** The members (`ChecksumCRC32`, …) that tell a reader the checksums. */
export const checksumMembers = (checksums: Checksums): Record<string, string> =>
  Object.fromEntries(Object.entries(checksums).map(([algorithm, value]) => [`Checksum${algorithm}`, value]))

/** Refuses content whose computed checksum is not the stated one. */
export function checkDigest(algorithm: string, stated: string, computed: string): void {
  if (stated === computed) return
  const message = `The ${algorithm} you specified did not match the calculated checksum.`
  throw new WireError('BadDigest', message, 400)
}
