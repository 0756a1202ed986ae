import type { z } from 'zod'
import type { Fault } from './fault.ts'
import { RULES } from './rules.ts'
import { type EnvironmentConfig, environmentSchema } from './schema.ts'
import { type Path, valueAt, writePath } from './shape.ts'
import { SPECIMEN } from './specimen.ts'

/**
 * Faults of meaning in the parts of an input whose shape is right. What has the wrong shape is replaced by a
 * stand-in, and a rule that reads a stand-in says nothing: it would be speaking of a value nobody wrote.
 */
export function faultsDespiteShape(input: unknown, error: z.ZodError): Fault[] {
  const repaired = repair(input, error)
  if (!repaired) return []
  return RULES.flatMap(rule => {
    let spoilt = false
    const watched = watch(repaired.config, [], path => {
      spoilt ||= repaired.replaced.has(path)
    })
    const faults = rule(watched)
    return spoilt ? [] : faults
  })
}

/**
 * The parts of an input whose shape is right, as a configuration: whoever reads another part gets what `refuse` throws,
 * and never a value that nobody wrote. `undefined` where nothing of it can be read.
 */
export function partsDespiteShape(
  input: unknown,
  error: z.ZodError,
  refuse: () => never,
): EnvironmentConfig | undefined {
  const repaired = repair(input, error)
  return (
    repaired &&
    watch(repaired.config, [], path => {
      if (repaired.replaced.has(path)) refuse()
    })
  )
}

/** The input with a stand-in for each value of the wrong shape, and where those stand. */
function repair(
  input: unknown,
  error: z.ZodError,
): { readonly config: EnvironmentConfig; readonly replaced: ReadonlySet<string> } | undefined {
  const repaired = structuredClone(typeof input === 'object' && input !== null ? input : {})
  const replaced = new Set<string>()
  for (const issue of error.issues) {
    if (issue.code === 'unrecognized_keys')
      for (const key of issue.keys) remove(repaired, [...issue.path, key])
    else replaced.add(writePath(replace(repaired, issue.path)))
  }
  const parsed = environmentSchema.safeParse(repaired)
  if (!parsed.success) return undefined
  if (replaced.has('app') || replaced.has('environment')) replaced.add('name')
  return { config: { ...parsed.data, name: `${parsed.data.app}-${parsed.data.environment}` }, replaced }
}

/** Puts the specimen's value at the path, or at the nearest ancestor for which it has one; returns where. */
function replace(data: object, path: Path): Path {
  let at = path
  while (at.length > 1 && valueAt(SPECIMEN, at) === undefined) at = at.slice(0, -1)
  const parent = valueAt(data, at.slice(0, -1))
  const key = at.at(-1)
  if (key !== undefined && typeof parent === 'object' && parent !== null)
    (parent as Record<PropertyKey, unknown>)[key] = structuredClone(valueAt(SPECIMEN, at))
  return at
}

function remove(data: object, path: Path): void {
  const parent = valueAt(data, path.slice(0, -1))
  const key = path.at(-1)
  if (key !== undefined && typeof parent === 'object' && parent !== null)
    delete (parent as Record<PropertyKey, unknown>)[key]
}

/** The same data; `read` hears the written path of every property that is read. */
function watch<Data extends EnvironmentConfig | object>(
  data: Data,
  path: Path,
  read: (path: string) => void,
): Data {
  return new Proxy(data, {
    get(target, key) {
      const value: unknown = Reflect.get(target, key)
      if (typeof key === 'symbol' || (typeof value === 'function' && Array.isArray(target))) return value
      const here = [...path, Array.isArray(target) && /^\d+$/.test(key) ? Number(key) : key]
      read(writePath(here))
      return typeof value === 'object' && value !== null ? watch(value, here, read) : value
    },
  })
}
