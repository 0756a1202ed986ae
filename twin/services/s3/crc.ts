/** A checksum that grows with each piece of the content. */
export type RunningCrc = { update(piece: Uint8Array): void; digest(): Buffer }

/** Reflected polynomial of CRC-32C (Castagnoli). */
const CRC32C = 0x82f63b78
/** Reflected polynomial of CRC-64/NVME, high and low half. */
const CRC64_HIGH = 0x9a6c9329
const CRC64_LOW = 0xac4bc9b5

let table32: Uint32Array | undefined
let table64: { high: Uint32Array; low: Uint32Array } | undefined

function makeTable32(): Uint32Array {
  const table = new Uint32Array(256)
  for (let byte = 0; byte < 256; byte++) {
    let value = byte
    for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ CRC32C : value >>> 1
    table[byte] = value
  }
  return table
}

function makeTable64() {
  const high = new Uint32Array(256)
  const low = new Uint32Array(256)
  for (let byte = 0; byte < 256; byte++) {
    let [top, bottom] = [0, byte]
    for (let bit = 0; bit < 8; bit++) {
      const odd = bottom & 1
      bottom = (bottom >>> 1) | ((top & 1) << 31)
      top >>>= 1
      if (odd) {
        top ^= CRC64_HIGH
        bottom ^= CRC64_LOW
      }
    }
    high[byte] = top
    low[byte] = bottom
  }
  return { high, low }
}

/** CRC-32C, four bytes, big-endian. */
export function crc32c(): RunningCrc {
  table32 ??= makeTable32()
  const table = table32
  let value = 0xffffffff
  return {
    update: piece => {
      for (let index = 0; index < piece.length; index++) {
        value = (value >>> 8) ^ (table[(value ^ (piece[index] as number)) & 0xff] as number)
      }
    },
    digest: () => {
      const result = Buffer.alloc(4)
      result.writeUInt32BE((value ^ 0xffffffff) >>> 0)
      return result
    },
  }
}

/** CRC-64/NVME, eight bytes, big-endian. Two 32-bit halves, as BigInt would be some fifty times slower. */
export function crc64nvme(): RunningCrc {
  table64 ??= makeTable64()
  const { high, low } = table64
  let [top, bottom] = [0xffffffff, 0xffffffff]
  return {
    update: piece => {
      for (let index = 0; index < piece.length; index++) {
        const slot = (bottom ^ (piece[index] as number)) & 0xff
        bottom = ((bottom >>> 8) | ((top & 0xff) << 24)) ^ (low[slot] as number)
        top = (top >>> 8) ^ (high[slot] as number)
      }
    },
    digest: () => {
      const result = Buffer.alloc(8)
      result.writeUInt32BE((top ^ 0xffffffff) >>> 0, 0)
      result.writeUInt32BE((bottom ^ 0xffffffff) >>> 0, 4)
      return result
    },
  }
}
