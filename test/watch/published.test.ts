import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'
import { parseConfig } from '../../config/parse.ts'
import { prod } from '../../config/prod.ts'
import { NAMESPACE } from '../../lambdas/runtime/names.ts'
import { catalogue } from '../../lib/alarms/catalogue.ts'

const LAMBDAS = join(import.meta.dirname, '../../lambdas')

/** Names of metrics and the sets of dimensions under which one function publishes. */
type Publisher = {
  readonly verb: string
  readonly names: ReadonlySet<string>
  readonly keys: ReadonlySet<string>
}

/** Reads every call of `publish` in the sources; one whose dimensions cannot be read is an error, never a miss. */
async function publishers(): Promise<Publisher[]> {
  const verbs = readdirSync(LAMBDAS, { withFileTypes: true }).filter(
    entry => entry.isDirectory() && entry.name !== 'runtime',
  )
  const found = await Promise.all(
    verbs.map(async ({ name: verb }) => {
      const keys = readdirSync(join(LAMBDAS, verb), { recursive: true, encoding: 'utf8' })
        .filter(file => file.endsWith('.ts'))
        .flatMap(file => dimensionSets(readFileSync(join(LAMBDAS, verb, file), 'utf8'), `${verb}/${file}`))
      const { METRICS = {} } = (await import(join(LAMBDAS, verb, 'names.ts'))) as {
        METRICS?: Record<string, string>
      }
      return { verb, names: new Set(Object.values(METRICS)), keys: new Set(keys) }
    }),
  )
  return found.filter(({ keys }) => keys.size > 0)
}

function dimensionSets(source: string, file: string): string[] {
  return [...source.matchAll(/(?<![\w.])publish\(\s*(\{[^}]*\}|\w+)/g)].map(([, given = '']) =>
    keysOf(given, source, file).sort().join(','),
  )
}

function keysOf(given: string, source: string, file: string): string[] {
  if (!given.startsWith('{')) {
    const literal = new RegExp(`const ${given} = (\\{[^}]*\\})`).exec(source)?.[1]
    if (literal === undefined) throw new Error(`${file}: the dimensions ${given} cannot be read`)
    return keysOf(literal, source, file)
  }
  const parts = given
    .slice(1, -1)
    .split(',')
    .map(part => part.trim())
  return parts.filter(Boolean).flatMap(part => {
    const spread = /^\.\.\.(\w+)$/.exec(part)?.[1]
    if (spread !== undefined) return keysOf(spread, source, file)
    const key = /^(\w+)(:|$)/.exec(part)?.[1]
    if (key === undefined) throw new Error(`${file}: the dimension ${part} cannot be read`)
    return [key]
  })
}

const found = await publishers()
const rows = Object.values(catalogue(parseConfig(prod)))
  .flat()
  .flatMap(({ id, signal }) =>
    (signal.kind === 'math' ? Object.values(signal.metrics) : [signal.metric])
      .filter(({ namespace }) => namespace === NAMESPACE)
      .map(({ name, dimensions }) => ({ id, name, keys: Object.keys(dimensions).sort().join(',') })),
  )

test.each(rows.map(row => [row.id, row.name, row.keys] as const))(
  '%s watches %s by %s, and a function publishes that',
  (_, name, keys) => {
    expect(found.filter(one => one.names.has(name) && one.keys.has(keys))).not.toEqual([])
  },
)

test('every function that publishes was found, with the dimensions that it uses', () => {
  expect(Object.fromEntries(found.map(({ verb, keys }) => [verb, [...keys].sort()]))).toEqual({
    archiver: ['Instance'],
    'archive-verification': ['Instance'],
    'backup-verification': ['Environment', 'Instance,Region'],
    examine: ['Instance'],
    freshness: ['Environment,Mode,Region', 'Environment,Region'],
    heartbeat: ['Instance'],
    reaper: ['Environment'],
    'restore-drill': ['Environment,Mode'],
    'roll-forward': ['Instance'],
    workload: ['Instance'],
  })
})

test('two functions publish no metric of one name under the same dimensions', () => {
  const claims = found.flatMap(({ verb, names, keys }) =>
    [...names].flatMap(name => [...keys].map(key => ({ verb, claim: `${name} by ${key}` }))),
  )
  const twice = claims.filter(({ claim, verb }) =>
    claims.some(other => other.claim === claim && other.verb !== verb),
  )
  expect(twice).toEqual([])
})
