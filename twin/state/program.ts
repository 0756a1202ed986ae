import { accessSync, constants, statSync } from 'node:fs'
import { delimiter, join } from 'node:path'

/**
 * Where a program that this machine may have or lack is: the path that `variable` of the environment says, or the
 * first of `names` in a folder of PATH. Undefined when it is on this machine by none of them.
 */
export function findProgram(variable: string, ...names: readonly string[]): string | undefined {
  const said = process.env[variable]
  if (said) return isProgram(said) ? said : undefined
  const folders = (process.env.PATH ?? '').split(delimiter).filter(folder => folder !== '')
  return names.flatMap(name => folders.map(folder => join(folder, name))).find(isProgram)
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return statSync(path).isFile()
  } catch {
    // Not there, or not ours to run: the same to whoever wants to run it.
    return false
  }
}
