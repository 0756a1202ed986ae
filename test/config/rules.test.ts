import { describe, expect, test } from '@jest/globals'
import { readConfig } from '../../config/parse.ts'
import { RULES } from '../../config/rules.ts'
import { environmentSchema } from '../../config/schema.ts'
import { draft, faultsOf } from './draft.ts'
import { BUDGET } from './rules/budget.ts'
import { DISK } from './rules/disk.ts'
import { EDGES, type Edge } from './rules/edges.ts'
import { INSTANCES } from './rules/instances.ts'
import { NAMES } from './rules/names.ts'
import { NETWORK } from './rules/network.ts'
import { OBJECTIVES } from './rules/objectives.ts'
import { PARAMETERS } from './rules/parameters.ts'
import { PEOPLE } from './rules/people.ts'
import { TIME } from './rules/time.ts'

const CASES = {
  names: NAMES,
  network: NETWORK,
  instances: INSTANCES,
  disk: DISK,
  time: TIME,
  parameters: PARAMETERS,
  objectives: OBJECTIVES,
  people: PEOPLE,
  budget: BUDGET,
}
for (const [topic, cases] of Object.entries(CASES))
  describe(topic, () => {
    test.each(cases)('%s', (_, fault, nearMiss, path, sentence) => {
      expect(faultsOf(nearMiss)).toEqual([])
      const found = faultsOf(fault)
      expect(found).toContainEqual(
        expect.objectContaining({
          path,
          sentence: expect.stringMatching(sentence),
          hint: expect.any(String),
        }),
      )
    })
  })

/** The faults of the specimen in these surroundings with that value at that path. */
function faultsWith(beside: Edge['beside'], at: string, value: unknown) {
  const input = structuredClone(draft(beside ?? {}))
  const keys = at.match(/(?<=\[')[^']+|(?<=\[)\d+|[^.[\]']+(?=\[|\.|$)/g) ?? []
  const last = keys.pop() ?? ''
  const parent = keys.reduce((inner, key) => inner[key] as Nested, input as Nested)
  parent[last] = value
  return readConfig(input).faults
}
type Nested = { [key: string]: unknown }

const written = (edges: 'refused' | 'taken') =>
  EDGES.flatMap(({ at, beside, ...edge }) => (edge[edges] ?? []).map(value => [at, value, beside] as const))

test.each(written('refused'))('refuses at %s: %j', (at, value, beside) => {
  expect(faultsWith(beside, at, value).filter(({ path }) => path.startsWith(at))).not.toEqual([])
})

test.each(written('taken'))('takes at %s: %j', (at, value, beside) => {
  expect(faultsWith(beside, at, value)).toEqual([])
})

test.each<[string, { readonly [key: string]: unknown }, RegExp]>([
  [
    'a family',
    { database: { instance: 'r6g.huge' } },
    /^choose one of: r6g\.large, r6g\.xlarge, r6g\.2xlarge/,
  ],
  ['the prefix', { database: { instance: 'db.r6g.large' } }, /^write it without "db\.": "r6g\.large"$/],
  ['nothing', { database: { instance: 'x1.huge' } }, /^choose a class of: t3, t4g, m5/],
  [
    'a region',
    { standby: { enabled: false }, vault: { enabled: false }, database: { backup: { replicate: false } } },
    /^set standby\.enabled, database\.backup\.replicate or vault\.enabled to true$/,
  ],
  [
    'an account',
    { objectives: { 'account-loss': { rpo: '1d', rto: '1d' } } },
    /^remove it: an objective that nothing keeps and nothing proves promises too much$/,
  ],
])('hints at what would mend it, knowing %s', (_, patch, hint) => {
  expect(faultsOf(patch).map(fault => fault.hint)).toEqual([expect.stringMatching(hint)])
})

test('finds nothing wrong with the specimen', () => {
  expect(faultsOf({})).toEqual([])
})

test.each(RULES.map(rule => [rule.name, rule] as const))('%s is broken by a case above', (_, rule) => {
  const faults = Object.values(CASES).flatMap(cases =>
    cases.flatMap(([, fault]) => {
      const config = environmentSchema.parse(draft(fault))
      return rule({ ...config, name: `${config.app}-${config.environment}` })
    }),
  )
  expect(faults).not.toEqual([])
})
