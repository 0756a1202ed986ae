import { zstdCompressSync, zstdDecompressSync } from 'node:zlib'

/**
 * Row versions in order of place. A version is known by its place and its xmin; the hash, made of its place, its xmin
 * and its content, never changes while that version is there.
 */
export type Versions = {
  /** {@link placeOf}, ascending. */
  readonly places: Float64Array
  readonly xmins: Uint32Array
  readonly hashes: BigInt64Array
}

/** More than the row pointers that fit into a block of 8,192 bytes, which are 291. */
const IN_A_BLOCK = 512

/** A row's place as one number. */
export const placeOf = (block: number, pointer: number) => block * IN_A_BLOCK + pointer

export const blockOf = (place: number) => Math.floor(place / IN_A_BLOCK)

/** The place as PostgreSQL writes it. */
export const ctidOf = (place: number) => `(${blockOf(place)},${place % IN_A_BLOCK})`

export const EMPTY: Versions = {
  places: new Float64Array(),
  xmins: new Uint32Array(),
  hashes: new BigInt64Array(),
}

/** What PostgreSQL sends for a `tid`, an `xid` and an `int8` of each row, strung together. */
export function versionsOf(tids: Buffer, xids: Buffer, hashes: Buffer): Versions {
  const rows = xids.length / 4
  const result = {
    places: new Float64Array(rows),
    xmins: new Uint32Array(rows),
    hashes: new BigInt64Array(rows),
  }
  for (let at = 0; at < rows; at++) {
    result.places[at] = placeOf(tids.readUInt32BE(at * 6), tids.readUInt16BE(at * 6 + 4))
    result.xmins[at] = xids.readUInt32BE(at * 4)
    result.hashes[at] = hashes.readBigInt64BE(at * 8)
  }
  return result
}

/** One after the other; each must lie behind the one before. */
export function joinVersions(parts: readonly Versions[]): Versions {
  const rows = parts.reduce((sum, part) => sum + part.places.length, 0)
  const result = {
    places: new Float64Array(rows),
    xmins: new Uint32Array(rows),
    hashes: new BigInt64Array(rows),
  }
  let at = 0
  for (const part of parts) {
    result.places.set(part.places, at)
    result.xmins.set(part.xmins, at)
    result.hashes.set(part.hashes, at)
    at += part.places.length
  }
  return result
}

/** Where the version at this place stands in the list, or -1. */
export function findPlace({ places }: Versions, place: number): number {
  let [low, high] = [0, places.length - 1]
  while (low <= high) {
    const middle = (low + high) >> 1
    const found = places[middle] ?? 0
    if (found === place) return middle
    if (found < place) low = middle + 1
    else high = middle - 1
  }
  return -1
}

/**
 * Eight bytes a row and little else: places and xmins as differences, which are almost all 1 and 0, in zstd; behind
 * them the hashes, which nothing makes shorter.
 */
export function encodeVersions({ places, xmins, hashes }: Versions): Buffer {
  const differences = new Numbers(places.length * 2 + 16)
  let before = 0
  for (let at = 0; at < places.length; at++) {
    const place = places[at] ?? 0
    differences.write(place - before)
    before = place
  }
  before = 0
  for (let at = 0; at < xmins.length; at++) {
    const xmin = xmins[at] ?? 0
    const difference = xmin - before
    differences.write(difference < 0 ? -2 * difference - 1 : 2 * difference)
    before = xmin
  }
  const packed = zstdCompressSync(differences.written())
  const head = Buffer.alloc(8)
  head.writeUInt32BE(places.length, 0)
  head.writeUInt32BE(packed.length, 4)
  // As they lie in memory, which is little-endian wherever this runs.
  return Buffer.concat([head, packed, Buffer.from(hashes.buffer, hashes.byteOffset, hashes.byteLength)])
}

/** @throws RangeError when it is not as long as it says */
export function decodeVersions(bytes: Buffer): Versions {
  const rows = bytes.readUInt32BE(0)
  const tail = 8 + bytes.readUInt32BE(4)
  if (bytes.length !== tail + rows * 8)
    throw new RangeError(`${rows} rows take ${tail + rows * 8} bytes, here are ${bytes.length}`)
  const differences = new Numbers(zstdDecompressSync(bytes.subarray(8, tail)))
  const result = {
    places: new Float64Array(rows),
    xmins: new Uint32Array(rows),
    hashes: new BigInt64Array(rows),
  }
  let before = 0
  for (let at = 0; at < rows; at++) {
    before += differences.read()
    result.places[at] = before
  }
  before = 0
  for (let at = 0; at < rows; at++) {
    const folded = differences.read()
    before += folded % 2 === 1 ? -(folded + 1) / 2 : folded / 2
    result.xmins[at] = before
  }
  Buffer.from(result.hashes.buffer).set(bytes.subarray(tail, tail + rows * 8))
  return result
}

/** Whole numbers from 0, seven bits a byte, the lowest first. */
class Numbers {
  #bytes: Buffer
  #at = 0

  constructor(room: number | Buffer) {
    this.#bytes = typeof room === 'number' ? Buffer.alloc(room) : room
  }

  write(number: number): void {
    if (number < 128 && this.#at < this.#bytes.length) {
      this.#bytes[this.#at++] = number
      return
    }
    // The longest number of ours, a place, takes six bytes.
    if (this.#at + 8 > this.#bytes.length)
      this.#bytes = Buffer.concat([this.#bytes], this.#bytes.length * 2 + 64)
    let rest = number
    while (rest >= 128) {
      this.#bytes[this.#at++] = (rest % 128) + 128
      rest = Math.floor(rest / 128)
    }
    this.#bytes[this.#at++] = rest
  }

  read(): number {
    let [number, weight] = [0, 1]
    for (;;) {
      const byte = this.#bytes.readUInt8(this.#at++)
      number += (byte % 128) * weight
      if (byte < 128) return number
      weight *= 128
    }
  }

  written(): Buffer {
    return this.#bytes.subarray(0, this.#at)
  }
}
