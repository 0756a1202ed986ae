import { join } from 'node:path'
import { type Collection, openCollection } from './state/collection.ts'
import type { TwinFolder } from './state/folder.ts'
import type { Guard } from './state/guard.ts'

/** How a twin is to be. */
export type TwinOptions = {
  readonly folder: TwinFolder
  readonly account: string
  readonly regions: readonly string[]
  readonly guard: Guard
  /** Let every call pass; for debugging only. */
  readonly noIam: boolean
  /** How far LatestRestorableTime trails, in seconds. */
  readonly lag?: number | undefined
  /** Whether nothing is started by schedule until that is asked for. */
  readonly pauseSchedules: boolean
  /** Whether what the calendar starts, drills and backups, waits until that is asked for: only rates run meanwhile. */
  readonly holdCalendar?: boolean
}

/** Opens a collection in a service's folder. */
export function openerFor(folder: TwinFolder, service: string) {
  return <T>(name: string): Collection<T> => openCollection<T>(join(folder.of(service), `${name}.json`))
}
