import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { dirname } from 'node:path'

/** Records by key, in memory and on disk: what `set` returned from is there after a crash of the twin. */
export type Collection<T> = {
  get(key: string): T | undefined
  has(key: string): boolean
  set(key: string, value: T): void
  delete(key: string): void
  keys(): string[]
  values(): T[]
}

/** Changes are folded into the file when their journal is larger than this and than the file. */
const FOLD_BYTES = 256 * 1_024

/**
 * Opens the collection kept in `file` (JSON) and the changes since in `<file>l` (JSON lines), empty when there is
 * neither. A change is one line appended, so that a large collection costs no more to change than a small one; a line
 * that a crash cut off is dropped, its `set` had not returned. Folding writes a neighbour and renames it over the
 * file; the journal may then still hold what the file holds already, which changes nothing when it is read again.
 */
export function openCollection<T>(file: string): Collection<T> {
  const journal = `${file}l`
  const records = new Map<string, T>(
    existsSync(file) ? Object.entries(parse<Record<string, T>>(file, readFileSync(file, 'utf8'))) : [],
  )
  let pending = replay(journal, records)
  let folded = existsSync(file) ? readFileSync(file).length : 0
  mkdirSync(dirname(file), { recursive: true })
  const fold = () => {
    const next = `${file}.next`
    const text = JSON.stringify(Object.fromEntries(records))
    writeFileSync(next, text)
    renameSync(next, file)
    rmSync(journal, { force: true })
    folded = text.length
    pending = 0
  }
  const append = (change: readonly [string, T?]) => {
    const line = `${JSON.stringify(change)}\n`
    appendFileSync(journal, line)
    pending += line.length
    if (pending > Math.max(FOLD_BYTES, folded)) fold()
  }
  return {
    get: key => records.get(key),
    has: key => records.has(key),
    set: (key, value) => {
      records.set(key, value)
      append([key, value])
    },
    delete: key => {
      if (records.delete(key)) append([key])
    },
    keys: () => [...records.keys()],
    values: () => [...records.values()],
  }
}

/** Applies the journal's lines and returns their bytes. */
function replay<T>(journal: string, records: Map<string, T>): number {
  if (!existsSync(journal)) return 0
  const bytes = readFileSync(journal)
  const end = bytes.lastIndexOf('\n') + 1
  if (end < bytes.length) truncateSync(journal, end)
  for (const line of bytes.subarray(0, end).toString('utf8').split('\n')) {
    if (line === '') continue
    const [key, ...value] = parse<[string, T?]>(journal, line)
    if (value.length > 0) records.set(key, value[0] as T)
    else records.delete(key)
  }
  return end
}

function parse<T>(file: string, text: string): T {
  try {
    return JSON.parse(text) as T
  } catch (cause) {
    throw new Error(
      `${file} is damaged: ${(cause as Error).message}\nHINT: holdfast reset removes this twin, and holdfast up begins anew`,
      { cause },
    )
  }
}
