import { z } from 'zod'
import type { Fault } from './fault.ts'
import { environmentSchema } from './schema.ts'
import { SPECIMEN } from './specimen.ts'
import { mistypings } from './spelling.ts'

/** The way to a value in plain data: object keys and array indexes. */
export type Path = readonly PropertyKey[]

/** Zod's issues in our words: an unknown key is one fault a key, and its hint lists the keys that are known there. */
export function shapeFaults(input: unknown, error: z.ZodError): Fault[] {
  return error.issues.flatMap(issue => {
    if (issue.code === 'unrecognized_keys')
      return issue.keys.map(key => ({
        path: writePath([...issue.path, key]),
        value: valueAt(input, [...issue.path, key]),
        sentence: 'this key is not known',
        hint: hintForKey(key, knownKeys(issue.path)),
      }))
    const value = valueAt(input, issue.path)
    return [
      {
        path: writePath(issue.path),
        value,
        sentence: value === undefined ? 'this is required' : plain(issue.message),
        hint: example(issue.path),
      },
    ]
  })
}

/** `['database', 'replicas', 0, 'name']` → `database.replicas[0].name`; keys that need quotes get brackets. */
export function writePath(path: Path): string {
  const text = path
    .map(key => {
      if (typeof key === 'number') return `[${key}]`
      return /^[A-Za-z_$][\w$]*$/.test(String(key)) ? `.${String(key)}` : `['${String(key)}']`
    })
    .join('')
  return text.replace(/^\./, '') || 'the environment'
}

/** What stands at a path of plain data; `undefined` when the path leads nowhere. */
export function valueAt(data: unknown, path: Path): unknown {
  return path.reduce<unknown>(
    (at, key) =>
      typeof at === 'object' && at !== null ? (at as Record<PropertyKey, unknown>)[key] : undefined,
    data,
  )
}

function hintForKey(key: string, known: readonly string[]): string {
  const meant = known.filter(each => each.startsWith(key) || mistypings(key, each) <= 2)
  return meant.length > 0
    ? `did you mean ${meant.map(each => `"${each}"`).join(' or ')}?`
    : `remove it, or write one of: ${known.join(', ')}`
}

function plain(message: string): string {
  return message.replace(/^(Invalid \w+|Too \w+): /, '').replace(/^[A-Z]/, letter => letter.toLowerCase())
}

function example(path: Path): string {
  const value =
    valueAt(SPECIMEN, path) ??
    valueAt(
      EXAMPLES,
      path.map(key => (typeof key === 'number' ? 0 : key)),
    )
  return value === undefined
    ? 'see the docstrings in config/schema.ts'
    : `write something like ${JSON.stringify(value)}`
}

/** What the specimen leaves out, for the sake of its price. */
const EXAMPLES = {
  database: {
    storage: { iops: 12_000, throughput: 500 },
    replicas: [{ name: 'read-1', role: 'read', instance: 'r6g.large' }],
  },
  standby: { instance: 'r6g.large' },
  assertions: [{ name: 'orders are there', sql: 'select count(*) > 0 from orders' }],
  paging: {
    pagerSecret: 'shop/prod/pager',
    runbook: 'docs/runbook.md',
    slack: { workspaceId: 'T01234567', channelId: 'C01234567' },
  },
}

type Described = {
  properties?: Record<string, Described>
  propertyNames?: { enum?: string[] }
  items?: Described
  additionalProperties?: Described | boolean
}

function knownKeys(path: Path): string[] {
  let at: Described | undefined = z.toJSONSchema(environmentSchema, { io: 'input' }) as Described
  for (const key of path) {
    const other: Described | undefined =
      typeof at?.additionalProperties === 'object' ? at.additionalProperties : undefined
    at = typeof key === 'number' ? at?.items : (at?.properties?.[String(key)] ?? other)
  }
  return at?.propertyNames?.enum ?? Object.keys(at?.properties ?? {})
}
