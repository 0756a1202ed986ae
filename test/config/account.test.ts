import { expect, test } from '@jest/globals'
import { exceededQuotas, takenNames } from '../../config/account.ts'
import { parseConfig } from '../../config/parse.ts'
import { draft } from './draft.ts'

const environment = (patch: { readonly [key: string]: unknown }) =>
  parseConfig(draft({ budget: { monthlyUsd: 99_999 }, ...patch }))
const prod = environment({})

test('lets environments of one account stand side by side', () => {
  const staging = environment({ environment: 'staging' })
  expect(takenNames(prod, [staging])).toEqual([])
  expect(exceededQuotas(prod, [staging])).toEqual([])
})

test.each([
  [
    'the same name in the same regions',
    {},
    '"shop-prod in us-east-1" would belong to the environment "prod" of shop as well',
  ],
  [
    'the same name with the regions turned round',
    { region: 'us-west-2', standbyRegion: 'us-east-1' },
    '"shop-prod in us-east-1"',
  ],
  ['the name of a replica', { environment: 'prod-read-1' }, '"shop-prod-read-1 in us-east-1"'],
  ['the name of the standby', { environment: 'prod-standby' }, '"shop-prod-standby in us-west-2"'],
])('refuses %s', (_, patch, sentence) => {
  const first = environment({ database: { replicas: [{ name: 'read-1' }] } })
  for (const [one, other] of [
    [first, environment(patch)],
    [environment(patch), first],
  ] as const)
    expect(takenNames(one, [other])).toEqual([
      expect.objectContaining({ path: 'environment', sentence: expect.stringContaining('would belong to') }),
    ])
  expect(takenNames(environment(patch), [first])[0]?.sentence).toContain(sentence)
})

test.each([
  ['another account', { account: '222222222222' }],
  ['another app', { app: 'shop2' }],
])('takes the same environment in %s', (_, patch) => {
  expect(takenNames(environment(patch), [prod])).toEqual([])
})

test('counts the instances of all environments of an account, and two copies more', () => {
  const replicas = Array.from({ length: 12 }, (_, index) => ({ name: `read-${index}` }))
  const [one, two, three] = ['a', 'b', 'c'].map(name =>
    environment({ environment: name, database: { replicas } }),
  )
  if (!one || !two || !three) throw new Error('three environments')
  expect(exceededQuotas(one, [two])).toEqual([])
  expect(exceededQuotas(one, [two, three])).toEqual([
    'shop-a, shop-b, shop-c need 41 DB instances in us-east-1, and AWS allows an account 40 until it asks for more',
  ])
  expect(
    exceededQuotas(one, [
      two,
      environment({ environment: 'c', account: '222222222222', database: { replicas } }),
    ]),
  ).toEqual([])
})

test('counts networks and addresses in either region', () => {
  const six = ['a', 'b', 'c', 'd', 'e', 'f'].map(name =>
    environment({ environment: name, network: { natGateways: 1 } }),
  )
  const [first = prod, ...others] = six
  // Who needs none of what is short is not told.
  expect(exceededQuotas(environment({ environment: 'g' }), six)).toEqual([
    expect.stringContaining('need 7 VPCs in us-east-1'),
    expect.stringContaining('need 7 VPCs in us-west-2'),
  ])
  expect(exceededQuotas(first, others.slice(1))).toEqual([])
  expect(exceededQuotas(first, others)).toEqual([
    expect.stringContaining('need 6 VPCs in us-east-1'),
    expect.stringContaining('need 6 Elastic IP addresses in us-east-1'),
    expect.stringContaining('need 6 VPCs in us-west-2'),
    expect.stringContaining('need 6 Elastic IP addresses in us-west-2'),
  ])
})
