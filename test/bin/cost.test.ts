import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { draft } from '../config/draft.ts'
import { holdfast } from './run.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-cost-'))
})
afterAll(() => rm(folder, { recursive: true }))

async function file(patch: { readonly [key: string]: unknown }): Promise<string> {
  const path = join(folder, `${Math.random()}.json`)
  await writeFile(path, JSON.stringify(draft(patch)))
  return path
}

test('prints a line a resource, what each objective costs, one drill and where the prices come from', async () => {
  const { code, stdout } = await holdfast(['cost', '--env', 'prod'])
  expect(code).toBe(0)
  expect(stdout).toMatch(/^shop-prod: about \$[\d,.]+ a month on demand, \$[\d,.]+ with one-year/)
  expect(stdout).toMatch(
    /shop-prod-standby +us-west-2 +db\.r6g\.xlarge hours +730 +\$0\.4495 +\$328\.14 +\$219\.85/,
  )
  expect(stdout).toMatch(/surviving the loss of the region: standby and copies +\$[\d,.]+ +\d+%/)
  expect(stdout).toMatch(/one drill +\$1\.44/)
  expect(stdout).toContain('List prices of 2026-10-06')
})

test('prints the same as numbers with --json', async () => {
  const { stdout } = await holdfast(['cost', '--env', 'staging', '--json'])
  const bill = JSON.parse(stdout)
  expect(bill).toMatchObject({
    environment: 'shop-staging',
    currency: 'USD',
    pricesOf: '2026-10-06',
    faults: [],
  })
  const sum = bill.lines.reduce((total: number, line: { onDemand: number }) => total + line.onDemand, 0)
  expect(bill.onDemand).toBeCloseTo(sum, 6)
})

test('shows the bill of an environment over budget, and fails', async () => {
  const { code, stdout } = await holdfast(['cost', '--file', await file({ budget: { monthlyUsd: 100 } })])
  expect(code).toBe(1)
  expect(stdout).toContain('shop-prod-standby')
  expect(stdout).toMatch(/budget\.monthlyUsd = 100: on demand this environment costs about \$1090 a month/)
})

test('refuses to sum up with an unknown price', async () => {
  const { code, stdout, stderr } = await holdfast([
    'cost',
    '--file',
    await file({ cache: { node: 'r6gd.xlarge' } }),
  ])
  expect(code).toBe(1)
  expect(stdout).toBe('')
  expect(stderr).toContain('no price for us-east-1/cache.r6gd.xlarge is known')
  expect(stderr).not.toMatch(/^ +at /m)
})
