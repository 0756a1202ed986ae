import { execFile, spawn } from 'node:child_process'
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { makePrivateFolder } from '../../twin/postgres/account.ts'
import { socketFolder, startCluster } from '../../twin/postgres/cluster.ts'
import { createCluster } from '../../twin/postgres/template.ts'
import { openFolder } from '../../twin/state/folder.ts'
import { claimFolder } from '../../twin/state/own-folder.ts'
import { holdfast } from '../bin/run.ts'

const ROOT = join(import.meta.dirname, '../..')

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'holdfast-files-'))
  chmodSync(folder, 0o711)
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

/** A command of a shell with that umask; what it said, and whether it ended well. */
function under(umask: string, args: readonly string[], env: Record<string, string>) {
  return new Promise<{ isWell: boolean; said: string }>(resolve => {
    execFile(
      '/bin/sh',
      ['-c', 'umask "$1"; shift; exec "$@"', 'sh', umask, process.execPath, ...args],
      { cwd: ROOT, env: { ...process.env, NO_COLOR: '1', ...env } },
      (error, stdout, stderr) => resolve({ isWell: error === null, said: stdout + stderr }),
    )
  })
}

const modeOf = (path: string) => lstatSync(path).mode & 0o777

function below(path: string): string[] {
  return readdirSync(path, { withFileTypes: true }).flatMap(entry => {
    const inner = join(path, entry.name)
    return entry.isDirectory() ? [inner, ...below(inner)] : entry.isFile() ? [inner] : []
  })
}

test.each(['000', '077'])(
  'a twin under umask %s runs, and its files are its own account’s alone',
  async umask => {
    const env = { HOLDFAST_TWINS: join(folder, 'twins') }
    try {
      const { isWell, said } = await under(umask, ['bin/holdfast.ts', 'up', '--env', 'dev'], env)
      expect({ isWell, said }).toMatchObject({ isWell: true })
      const root = join(folder, 'twins', 'dev')
      // Others may pass through to what is PostgreSQL's, and find nothing there that opens.
      for (const entry of readdirSync(root))
        expect({ entry, open: modeOf(join(root, entry)) & 0o077 }).toEqual({ entry, open: 0 })
      for (const path of below(root))
        expect({ path, writable: modeOf(path) & 0o022 }).toEqual({ path, writable: 0 })
      for (const secret of [
        'endpoint.json',
        'iam/identities.jsonl',
        'tls/ca-key.pem',
        'secretsmanager/secrets.jsonl',
        'twin.log',
      ])
        expect({ secret, mode: modeOf(join(root, secret)) }).toEqual({ secret, mode: 0o600 })
    } finally {
      await under(umask, ['bin/holdfast.ts', 'down', '--env', 'dev'], env)
    }
  },
)

test('what an earlier twin left open is closed when the folder is opened', () => {
  const root = openFolder(join(folder, 'twins', 'prod')).root
  mkdirSync(join(root, 'iam'))
  writeFileSync(join(root, 'iam', 'identities.jsonl'), '')
  writeFileSync(join(root, 'denials.jsonl'), '')
  chmodSync(join(root, 'iam'), 0o777)
  chmodSync(join(root, 'denials.jsonl'), 0o666)
  openFolder(root)
  expect(modeOf(join(root, 'iam'))).toBe(0o700)
  expect(modeOf(join(root, 'denials.jsonl'))).toBe(0o600)
})

describe('a folder at a path that anybody could guess', () => {
  const uid = process.getuid?.() ?? 0
  const path = () => join(folder, 'guessed')
  const makeWith = (mode: number) => {
    mkdirSync(path())
    chmodSync(path(), mode)
  }

  test('is made, and taken again', () => {
    claimFolder(path(), 0o700)
    claimFolder(path(), 0o700)
    expect(modeOf(path())).toBe(0o700)
  })

  test('is refused when another account made it', () => {
    mkdirSync(path(), 0o700)
    expect(() => claimFolder(path(), 0o700, [uid + 1])).toThrow(/guessed belongs to account \d+.*\nHINT: /)
  })

  test.each([
    ['can be written to by others', () => makeWith(0o777)],
    ['can be written to by others', () => makeWith(0o720)],
    ['is a link', () => symlinkSync(folder, path())],
    ['is no folder', () => writeFileSync(path(), '')],
  ])('is refused when it %s', (fact, make) => {
    make()
    expect(() => claimFolder(path(), 0o700)).toThrow(fact)
    expect(() => makePrivateFolder(path())).toThrow(fact)
  })
})

test('a socket’s folder that leads elsewhere stops the server, and what it leads to stays as it was', async () => {
  const dir = join(folder, 'cluster')
  await createCluster({ dir })
  const victim = join(folder, 'victim')
  mkdirSync(victim, 0o755)
  const before = lstatSync(victim)
  symlinkSync(victim, socketFolder(dir))
  try {
    await expect(startCluster({ dir })).rejects.toThrow('is a link')
    expect(lstatSync(victim)).toMatchObject({ uid: before.uid, mode: before.mode })
    expect(readdirSync(victim)).toEqual([])
  } finally {
    rmSync(socketFolder(dir))
  }
})

test('no program is run out of a folder that others may write to', async () => {
  const programs = join(folder, `holdfast-postgres-${process.getuid?.() ?? 0}`)
  mkdirSync(programs)
  chmodSync(programs, 0o777)
  const ask = `const { installation } = await import(${JSON.stringify(join(ROOT, 'twin/postgres/installation.ts'))}); console.log(installation(18).postgres)`
  const { isWell, said } = await under('022', ['--input-type=module', '-e', ask], { TMPDIR: folder })
  expect(isWell).toBe(false)
  expect(said).toContain(`${programs} can be written to by others`)
})

test('no command follows an endpoint that others may have written', async () => {
  const root = openFolder(join(folder, 'prod')).root
  const pretender = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)', 'twin/main.ts'], {
    stdio: 'ignore',
  })
  try {
    writeFileSync(join(root, 'twin.pid'), `${pretender.pid}\n`)
    writeFileSync(join(root, 'endpoint.json'), '{ "endpoint": "http://127.0.0.1:1" }')
    chmodSync(join(root, 'endpoint.json'), 0o666)
    const { code, stderr } = await holdfast(['status', '--env', 'prod'], { HOLDFAST_TWINS: folder })
    expect(code).toBe(1)
    expect(stderr).toContain('endpoint.json can be written to by others')
    expect(stderr).toContain('HINT:')
  } finally {
    pretender.kill()
  }
})

test('a twin is not kept where anybody may put another folder in its place', () => {
  const open = join(folder, 'open')
  mkdirSync(open)
  chmodSync(open, 0o777)
  expect(() => openFolder(join(open, 'prod'))).toThrow('lets every account replace what lies in it')
  // As /tmp is: with its sticky bit.
  chmodSync(open, 0o1777)
  openFolder(join(open, 'prod'))
})
