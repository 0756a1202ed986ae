import { spawnSync } from 'node:child_process'
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { draft } from '../config/draft.ts'
import { holdfast } from './run.ts'

const ROOT = join(import.meta.dirname, '..', '..')
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
    { environment: path, faults: [expect.objectContaining({ path: 'cache.nodes', value: 1 })], notes: [] },
  ])
})

test.each([
  ['missing.ts', undefined, /^there is no file \S+missing\.ts to read\nHINT:/],
  ['missing.json', undefined, /^there is no file \S+missing\.json to read\nHINT:/],
  ['comma.json', '{ "app": 1, }', /^\S+comma\.json is not JSON: .*line 1 column 13/],
  ['comma.ts', 'export const x = { a: 1,, }', /comma\.ts:1\n {2}export const x = \{ a: 1,, \}\n +\^\n/],
  ['enum.ts', 'enum X { a }\nexport const x = 1', /enum\.ts:1\n(.|\n)*enum is not supported/],
  ['unknown.ts', 'export const x = y', /y is not defined, at \S+unknown\.ts:1:18/],
  ['none.ts', 'const x = 1', /none\.ts exports nothing, want one environment/],
  ['two.ts', 'export const x = 1\nexport const y = 2', /two\.ts exports 2 values, want one environment/],
])('answers a file that is no environment with a sentence (%s)', async (name, text, sentence) => {
  const path = join(folder, name)
  if (text !== undefined) await writeFile(path, text)
  const { code, stderr } = await holdfast(['check', '--file', path])
  expect(code).toBe(1)
  expect(stderr).toMatch(sentence)
  expect(stderr).toContain('HINT:')
  expect(stderr).not.toMatch(/^ +at /m)
})

describe('a file of config/ that cannot be loaded', () => {
  const tree = () => join(folder, 'tree')
  const prod = () => join(tree(), 'config', 'prod.ts')
  let written: string
  beforeAll(async () => {
    for (const part of ['bin', 'config', 'lambdas', 'lib', 'sql', 'twin', 'package.json'])
      await cp(join(ROOT, part), join(tree(), part), { recursive: true })
    await symlink(join(ROOT, 'node_modules'), join(tree(), 'node_modules'))
    written = await readFile(prod(), 'utf8')
  })

  test.each([
    [
      'a comma too many',
      (text: string) => text.replace(/\}\)\n$/, ',,})\n'),
      /config\/prod\.ts:\d+\n/,
      'expected',
    ],
    [
      'another name',
      (text: string) => text.replace('const prod', 'const live'),
      /environments\.ts:\d+\n/,
      "named 'prod'",
    ],
    [
      'an unknown name',
      (text: string) => `${text}const x = y\n`,
      /config\/prod\.ts:\d+:\d+\n/,
      'y is not defined',
    ],
    [
      'a wrong type',
      (text: string) => text.replace("'r6g.xlarge'", '5'),
      /database\.instance = 5/,
      'expected string',
    ],
  ])(
    'for %s is told by check and by a synth, with its place and without a stack',
    async (_, edit, place, sentence) => {
      await writeFile(prod(), edit(written))
      const context = JSON.stringify({ env: 'prod' })
      for (const [args, env] of [
        [['bin/holdfast.ts', 'check'], {}],
        [['bin/app.ts'], { CDK_CONTEXT_JSON: context, CDK_OUTDIR: join(folder, 'out') }],
      ] as const) {
        const { status, stdout, stderr } = spawnSync(process.execPath, args, {
          cwd: tree(),
          env: { ...process.env, NO_COLOR: '1', ...env },
          encoding: 'utf8',
        })
        expect(status).toBe(1)
        expect(`${stdout}${stderr}`).toMatch(place)
        expect(`${stdout}${stderr}`.toLowerCase()).toContain(sentence.toLowerCase())
        expect(`${stdout}${stderr}`).toContain('HINT:')
        expect(`${stdout}${stderr}`).not.toMatch(/^ +at /m)
      }
    },
  )
})

test('a synth that names no environment is told how to', () => {
  const { status, stderr } = spawnSync(process.execPath, [join(ROOT, 'bin', 'app.ts')], { encoding: 'utf8' })
  expect(status).toBe(1)
  expect(stderr).toBe(
    'the request has 1 fault\n\nenv = nothing: which environment to synthesize was not said\n  HINT: add -c env=prod (or dev, staging)\n',
  )
})
