import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
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

/**
 * Opens the collection kept in `file` (JSON), empty when there is none. Writes go to a neighbour and are renamed
 * over the file, so that a reader sees the old or the new content, never half of it.
 */
export function openCollection<T>(file: string): Collection<T> {
  const records = new Map<string, T>(
    existsSync(file) ? Object.entries(JSON.parse(readFileSync(file, 'utf8')) as Record<string, T>) : [],
  )
  const save = () => {
    mkdirSync(dirname(file), { recursive: true })
    const next = `${file}.next`
    writeFileSync(next, JSON.stringify(Object.fromEntries(records)))
    renameSync(next, file)
  }
  return {
    get: key => records.get(key),
    has: key => records.has(key),
    set: (key, value) => {
      records.set(key, value)
      save()
    },
    delete: key => {
      if (records.delete(key)) save()
    },
    keys: () => [...records.keys()],
    values: () => [...records.values()],
  }
}
