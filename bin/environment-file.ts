import { readFile } from 'node:fs/promises'
import { extname, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { describeUnreadable } from '../config/fault.ts'
import { Refusal } from '../lambdas/runtime/failure.ts'

const MODULES = ['.ts', '.mts', '.js', '.mjs']

/**
 * An environment as written in a file of one's own: JSON, or a module that exports exactly one environment.
 * Throws a Refusal when there is no such file, or not one environment in it.
 */
export async function readEnvironmentFile(path: string): Promise<unknown> {
  const full = resolve(path)
  const text = await readFile(full, 'utf8').catch((cause: unknown) => {
    throw new Refusal('EnvironmentFile', `there is no file ${path} to read`, 'check the path', { cause })
  })
  if (extname(full) === '.json') return parseJson(text, path)
  if (!MODULES.includes(extname(full)))
    throw new Refusal(
      'EnvironmentFile',
      `${path} is no environment: want ${MODULES.join(', ')} or .json`,
      'write it like config/prod.ts, or as JSON',
    )
  const exported = Object.entries(await importFrom(full, path))
  // Node takes a module without any export for CommonJS, and gives it these.
  const values = exported.some(([name]) => name === 'module.exports')
    ? []
    : exported.map(([, value]) => value)
  if (values.length !== 1)
    throw new Refusal(
      'EnvironmentFile',
      `${path} exports ${values.length === 0 ? 'nothing' : `${values.length} values`}, want one environment`,
      'export one value: export const draft = defineEnvironment({ … })',
    )
  return values[0]
}

function parseJson(text: string, path: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new Refusal(
      'EnvironmentFile',
      `${path} is not JSON: ${(cause as Error).message}`,
      'mend it there',
      {
        cause,
      },
    )
  }
}

async function importFrom(full: string, path: string): Promise<Record<string, unknown>> {
  try {
    return (await import(pathToFileURL(full).href)) as Record<string, unknown>
  } catch (cause) {
    const { stack, message } = cause as Error
    const place = stack?.split(/\n {4}at /)[1]
    throw new Refusal(
      'EnvironmentFile',
      `cannot load ${path}:\n${describeUnreadable(cause as Error)?.split('\nHINT:')[0] ?? `${message}, at ${place}`}`,
      'mend it there',
      { cause },
    )
  }
}
