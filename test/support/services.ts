import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ServiceDependencies } from '../../twin/services/dependencies.ts'
import { openCollection } from '../../twin/state/collection.ts'

/** A folder and a clock of their own for a service under test. */
export function workbench(start = '2026-11-20T10:00:00Z') {
  const dir = mkdtempSync(join(tmpdir(), 'holdfast-service-'))
  const time = { now: Date.parse(start) }
  const dependencies = (name: string): ServiceDependencies => ({
    account: '111122223333',
    clock: () => time.now,
    open: collection => openCollection(join(dir, name, `${collection}.json`)),
  })
  return { dir, time, dependencies, remove: () => rmSync(dir, { recursive: true }) }
}

/** Name of the error that a call ends with, or `no error`. */
export const code = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'no error',
    error => error.name as string,
  )
