import { describe, expect, test } from '@jest/globals'
import { RULES } from '../../config/rules.ts'
import { environmentSchema } from '../../config/schema.ts'
import { draft, faultsOf } from './draft.ts'
import { BUDGET } from './rules/budget.ts'
import { DISK } from './rules/disk.ts'
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
