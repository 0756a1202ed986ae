import { readFile } from 'node:fs/promises'
import { extname, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { Refusal } from '../lambdas/runtime/failure.ts'

/**
 * An environment as written in a file of one's own: JSON, or a module that exports exactly one environment.
 * Throws a Refusal when there is no such file, or not one environment in it.
 */
export async function readEnvironmentFile(path: string): Promise<unknown> {
  const full = resolve(path)
  try {
    if (extname(full) === '.json') return JSON.parse(await readFile(full, 'utf8'))
  } catch (cause) {
    throw new Refusal('EnvironmentFile', `cannot read ${path} as JSON`, 'check the path and the commas', {
      cause,
    })
  }
  const exported = Object.values(await importFrom(full, path))
  if (exported.length !== 1)
    throw new Refusal(
      'EnvironmentFile',
      `${path} exports ${exported.length} values, want one environment`,
      'export one value: export const draft = defineEnvironment({ … })',
    )
  return exported[0]
}

async function importFrom(full: string, path: string): Promise<Record<string, unknown>> {
  try {
    return (await import(pathToFileURL(full).href)) as Record<string, unknown>
  } catch (cause) {
    throw new Refusal('EnvironmentFile', `cannot load ${path}`, 'check the path and that the file compiles', {
      cause,
    })
  }
}
