import type { Fault, Inspected } from './inspect.ts'
import { sequenceOf } from './key.ts'
import type { Evidence, SteppedOver } from './record.ts'

/** What the next link needs to know of a record. */
export type Head = Pick<Evidence, 'sequence' | 'chain'> & { readonly sha256: string }

export type Link = {
  readonly name: string
  readonly sequence: number | null
  readonly drill: string | null
  readonly sha256: string | null
  readonly broken?: Fault
  /** An object that is no record, and the record that says so: nothing is lost by it, and somebody put it there. */
  readonly steppedOver?: Fault & { readonly by: number }
}

type Entry = { readonly inspected: Inspected; link: Link }

export type Walk = {
  /** Takes the next file, in the order of their names. True when it is the chain's next record. */
  add(inspected: Inspected): boolean
  links(): readonly Link[]
  head(): Head | undefined
  /** True when nothing is missing before the first record. */
  isWhole(): boolean
  /** What lies among the records, is none, and that no record has named yet. */
  unnamed(): SteppedOver[]
  /** What records say that they stepped over, and is not here. */
  absent(): { readonly key: string; readonly why: string; readonly by: number }[]
}

/**
 * Follows a chain record by record. What is no record of it (foreign, damaged, out of place, too large) does not end
 * it: it is broken until a later, signed record names it by key and content, and stepped over from then on.
 * @param whole whether the files claim to be every record since the first
 */
export function followChain(whole: boolean): Walk {
  const entries: Entry[] = []
  const named = new Map<string, { said: SteppedOver; by: number; met: boolean }>()
  let head: Head | undefined
  let isWhole = false

  const stepOver = (entry: Entry): void => {
    const { broken, ...rest } = entry.link
    const naming = named.get(placeName(entry.inspected.name))
    if (!broken || naming === undefined || !isTheSame(naming.said, entry.inspected)) return
    naming.met = true
    entry.link = { ...rest, steppedOver: { ...broken, by: naming.by } }
  }

  return {
    add(inspected) {
      const evidence = inspected.sealed?.evidence
      const link: Link = {
        name: inspected.name,
        sequence: evidence?.sequence ?? null,
        drill: evidence?.drill ?? null,
        sha256: inspected.sealed?.sha256 ?? null,
      }
      const broken = inspected.fault ?? (evidence && linkFault(evidence, head, whole))
      const entry: Entry = { inspected, link: broken ? { ...link, broken } : link }
      entries.push(entry)
      if (broken || evidence === undefined) {
        stepOver(entry)
        return false
      }
      if (head === undefined) isWhole = evidence.previous === null && missing(1, evidence) === undefined
      head = { sequence: evidence.sequence, chain: evidence.chain, sha256: inspected.sealed?.sha256 ?? '' }
      const { steppedOver = [], sequence: by } = evidence
      for (const said of steppedOver) named.set(placeName(said.key), { said, by, met: false })
      if (steppedOver.length > 0) for (const each of entries) stepOver(each)
      return true
    },
    links: () => entries.map(({ link }) => link),
    head: () => head,
    isWhole: () => isWhole,
    unnamed: () =>
      entries.flatMap(({ inspected, link }) =>
        link.broken
          ? [
              {
                key: inspected.name,
                version: inspected.version,
                sha256: inspected.bytes,
                size: inspected.size,
                why: link.broken.why,
              },
            ]
          : [],
      ),
    absent: () =>
      [...named.values()]
        .filter(({ met }) => !met)
        .map(({ said, by }) => ({ key: said.key, why: said.why, by })),
  }
}

/** In a bucket and in a folder that was copied from it the same object has the same last part of its name. */
const placeName = (name: string) => name.split('/').at(-1) ?? name

/** Not its version: a copy has another one, and the bytes say more. */
function isTheSame(said: SteppedOver, found: Inspected): boolean {
  if (said.sha256 !== null && found.bytes !== null) return said.sha256 === found.bytes
  return said.size !== null && said.size === found.size
}

/** Why a record that holds by itself does not follow the one before. */
function linkFault(evidence: Evidence, before: Head | undefined, whole: boolean): Fault | undefined {
  const { sequence } = evidence
  if (!before) {
    const fault = whole ? missing(1, evidence) : undefined
    if (fault) return fault
    if ((sequence === 1 || whole) && evidence.previous !== null)
      return { why: 'reordered', detail: 'the first record names one before it' }
    return undefined
  }
  if (evidence.chain !== before.chain)
    return { why: 'wrong chain', detail: `it belongs to ${evidence.chain}, not ${before.chain}` }
  if (sequence === before.sequence)
    return { why: 'repeated', detail: `two records say that they are ${sequence}` }
  if (sequence < before.sequence)
    return { why: 'reordered', detail: `${sequence} comes after ${before.sequence}` }
  const gap = missing(before.sequence + 1, evidence)
  if (gap) return gap
  if (evidence.previous !== before.sha256)
    return {
      why: 'altered',
      detail: `it follows a record with the hash ${evidence.previous}, the one before it has ${before.sha256}`,
    }
  return undefined
}

/** Each place from there to the record must be named by it as stepped over. */
function missing(from: number, { sequence, steppedOver = [] }: Evidence): Fault | undefined {
  const places = new Set(steppedOver.map(({ key }) => sequenceOf(key)))
  const named = [...places].filter(place => place !== null && place >= from && place < sequence).length
  const wanted = sequence - from
  if (named === wanted) return undefined
  return { why: 'gap', detail: `${wanted - named} missing: ${from} to ${sequence - 1}` }
}
