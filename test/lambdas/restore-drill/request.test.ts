import { expect, test } from '@jest/globals'
import { parseRequest } from '../../../lambdas/restore-drill/request.ts'

const GOOD = { objective: { rpoSeconds: 300, rtoSeconds: 3_600 }, requestedBy: 'a test' }

test('what a schedule leaves out has a default', () => {
  expect(parseRequest(GOOD)).toMatchObject({
    mode: 'bad-write',
    target: { kind: 'random' },
    region: 'home',
    coverageFloor: 0.99,
    assertions: [],
  })
})

test.each([
  ['nothing', undefined, 'request: '],
  ['no objective', { requestedBy: 'x' }, 'objective: '],
  [
    'a negative objective',
    { ...GOOD, objective: { rpoSeconds: -1, rtoSeconds: 1 } },
    'objective.rpoSeconds: ',
  ],
  [
    'a time without a zone',
    { ...GOOD, target: { kind: 'time', at: '2026-11-20T14:03:00' } },
    'target.at: want an ISO time with a zone',
  ],
  ['an unknown target', { ...GOOD, target: { kind: 'yesterday' } }, 'target.kind: '],
  ['a misspelt field', { ...GOOD, coveragefloor: 1 }, 'coveragefloor'],
  ['an unknown fault', { ...GOOD, negativeControl: 'gremlins' }, 'negativeControl: '],
  [
    'another database without its name',
    { ...GOOD, negativeControl: 'other-database' },
    'controlSource: name the other instance',
  ],
  [
    'another source without the control',
    { ...GOOD, controlSource: 'shop-dev' },
    'controlSource: name the other instance',
  ],
  ['cleaning up after nothing', { cleanUp: 'x', requestedBy: 'x' }, 'cleanUp: want the ARN of an execution'],
])('%s is refused by name', (_what, value, words) => {
  expect(() => parseRequest(value)).toThrow(words)
})
