import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { draft } from '../config/draft.ts'
import { holdfast } from './run.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-check-'))
})
afterAll(() => rm(folder, { recursive: true }))

// Ten faults, two of shape among them.
const TEN = draft({
  ownr: 'me',
  account: '1234',
  network: { standbyCidr: '10.40.128.0/17' },
  database: {
    instance: 'db.r6g.large',
    masterUsername: 'admin',
    maintenanceWindow: 'sun:04:00-sun:05:00',
    storage: { max: 100 },
    parameters: { 'rds.force_ssl': '0' },
  },
  logs: { retention: '31d' },
  objectives: { 'bad-write': { rpo: '1s' } },
})

test('prints a sentence and a hint for each of ten faults, and no stack trace', async () => {
  const path = join(folder, 'ten.json')
  await writeFile(path, JSON.stringify(TEN))
  const { code, stdout, stderr } = await holdfast(['check', '--file', path])
  expect(code).toBe(1)
  expect(stderr).not.toMatch(/^ +at /m)
  expect(stdout).toContain('10 faults')
  expect(stdout.match(/HINT:/g)).toHaveLength(10)
  expect(stdout.match(/^\S+ = .*: .*$/gm)?.map(line => line.split(' = ')[0])).toEqual([
    'account',
    'ownr',
    'database.masterUsername',
    'network.standbyCidr',
    'database.instance',
    'database.storage.max',
    'database.maintenanceWindow',
    'logs.retention',
    "database.parameters['rds.force_ssl']",
    "objectives['bad-write'].rpo",
  ])
})

test('finds the environments of this repository without a fault', async () => {
  const { code, stdout } = await holdfast(['check'])
  expect(code).toBe(0)
  expect(stdout).toBe('ok  dev\nok  staging\nok  prod\n')
})

test('reads an environment from a module', async () => {
  const path = join(folder, 'draft.ts')
  await writeFile(path, `export const draft = ${JSON.stringify(draft({ cache: { nodes: 1 } }))} as const\n`)
  const { code, stdout } = await holdfast(['check', '--file', path, '--json'])
  expect(code).toBe(1)
  expect(JSON.parse(stdout)).toEqual([
    { environment: path, faults: [expect.objectContaining({ path: 'cache.nodes', value: 1 })] },
  ])
})

test.each([
  ['missing.ts', 'cannot load'],
  ['missing.json', 'as JSON'],
])('answers a file that is not there with a sentence (%s)', async (name, sentence) => {
  const { code, stderr } = await holdfast(['check', '--file', join(folder, name)])
  expect(code).toBe(1)
  expect(stderr).toContain(sentence)
  expect(stderr).toContain('HINT:')
  expect(stderr).not.toMatch(/^ +at /m)
})
