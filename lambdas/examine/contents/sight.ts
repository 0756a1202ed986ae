import { type Lsn, parseLsn } from '../../runtime/segment/lsn.ts'
import type { Archive } from '../../runtime/segment/store.ts'
import {
  type Index,
  listRuns,
  type Part,
  readIndex,
  readPart,
  runPrefix,
} from '../../runtime/witness/store.ts'
import { blockOf, findPlace, type Versions } from '../../runtime/witness/versions.ts'
import type { Cut } from '../request.ts'
import type { Facts } from './facts.ts'
import type { Row } from './rows.ts'

/** Readings before and after the copy's end that are asked: the next one holds all but what was written between. */
const EACH_WAY = 2

/** What the witness saw around the copy's end. Parts are loaded when a table's rows are looked up, and kept for the next. */
export class Sight {
  readonly #archive: Archive
  /** The newest first. */
  readonly #indexes: readonly Index[]
  readonly #loaded = new Map<string, Versions>()

  private constructor(archive: Archive, indexes: readonly Index[]) {
    this.#archive = archive
    this.#indexes = indexes
  }

  static async open(archive: Archive, systemIdentifier: string, cut: Cut): Promise<Sight> {
    const folders = await listRuns(archive, systemIdentifier, cut.timeline)
    const end = runPrefix(systemIdentifier, cut.timeline, cut.at)
    const before = folders.filter(folder => folder <= end).toReversed()
    const after = folders.filter(folder => folder > end)
    const near = [...(await some(archive, after)).toReversed(), ...(await some(archive, before))]
    return new Sight(archive, near)
  }

  /** When each reading that is asked was made. */
  get moments(): readonly string[] {
    return this.#indexes.map(({ at }) => at)
  }

  /** What was seen of each of these versions, in their order. */
  async look({ relation, shape }: Facts, versions: Versions): Promise<Row['witness'][]> {
    const found: Row['witness'][] = new Array(versions.places.length).fill(undefined)
    for (const index of this.#indexes) {
      const parts = index.parts.filter(
        part => part.oid === relation.oid && part.filenode === relation.filenode && part.shape === shape.name,
      )
      for (const part of parts)
        if (overlaps(part, versions)) await this.#compare(part, parseLsn(index.lsn), versions, found)
    }
    return found
  }

  async #compare(part: Part, lsn: Lsn, versions: Versions, found: Row['witness'][]): Promise<void> {
    const seen = await this.#load(part)
    for (const [at, place] of versions.places.entries()) {
      if (found[at] !== undefined) continue
      const there = findPlace(seen, place)
      if (there < 0 || seen.xmins[there] !== versions.xmins[at]) continue
      found[at] = { found: seen.hashes[there] === versions.hashes[at] ? 'equal' : 'other', lsn }
    }
  }

  async #load(part: Part): Promise<Versions> {
    const known = this.#loaded.get(part.key)
    if (known) return known
    const versions = await readPart(this.#archive, part)
    // One of each reading is enough: rows are looked up in the order of their place.
    if (this.#loaded.size >= this.#indexes.length) this.#loaded.clear()
    this.#loaded.set(part.key, versions)
    return versions
  }
}

async function some(archive: Archive, folders: readonly string[]): Promise<Index[]> {
  const indexes: Index[] = []
  for (const folder of folders) {
    if (indexes.length === EACH_WAY) break
    const index = await readIndex(archive, folder)
    if (index) indexes.push(index)
  }
  return indexes
}

function overlaps({ from, to }: Part, { places }: Versions): boolean {
  const [first, last] = [places[0], places.at(-1)]
  if (first === undefined || last === undefined) return false
  return blockOf(last) >= from && (to === null || blockOf(first) < to)
}
