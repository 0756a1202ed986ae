import { spawn } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { openFolder } from '../../../twin/state/folder.ts'
import { Held, holderOf, takeLock } from '../../../twin/state/lock.ts'
import { isAlive, until } from '../lambda/fixture.ts'

let folder: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'holdfast-state-'))
})

afterEach(() => rmSync(folder, { recursive: true, force: true }))

test('a second taker of a folder is refused with the process id of the first', () => {
  const file = join(folder, 'twin.pid')
  const release = takeLock(file, 'jest')
  expect(() => takeLock(file, 'jest')).toThrow(Held)
  expect(() => takeLock(file, 'jest')).toThrow(`another twin runs on this state, process ${process.pid}`)
  expect(holderOf(file, 'jest')).toBe(process.pid)
  release()
  expect(holderOf(file, 'jest')).toBeUndefined()
})

test('a lock of a process that is gone, or has become another program, is taken over', () => {
  const file = join(folder, 'twin.pid')
  writeFileSync(file, '999999\n')
  takeLock(file, 'jest')()
  writeFileSync(file, '1\n')
  takeLock(file, 'twin/main.ts')()
  writeFileSync(file, 'nonsense')
  takeLock(file, 'jest')()
})

test('every folder that is made for a twin lets PostgreSQL’s account pass, whatever the umask says', () => {
  chmodSync(folder, 0o711)
  const usual = process.umask(0o077)
  try {
    openFolder(join(folder, 'twins/prod'))
  } finally {
    process.umask(usual)
  }
  // Where PostgreSQL runs as the same account, nobody else passes.
  const passed = process.getuid?.() === 0 ? 0o711 : 0o700
  for (const made of ['twins', 'twins/prod']) expect(statSync(join(folder, made)).mode & 0o777).toBe(passed)
})

test('the guard ends what a killed twin left running, and spares what had ended or was never its own', async () => {
  const sleeper = () => spawn('sleep', ['60'], { stdio: 'ignore' })
  const [left, forgotten, server] = [sleeper(), sleeper(), sleeper()]
  const data = join(folder, 'clusters/db-1/data')
  mkdirSync(data, { recursive: true })
  // A postmaster.pid that names something else than PostgreSQL: the number was given out again.
  writeFileSync(join(data, 'postmaster.pid'), `${server.pid}\n`)
  const twin = spawn(
    process.execPath,
    [
      '-e',
      `import(${JSON.stringify(new URL('../../../twin/state/guard.ts', import.meta.url).href)}).then(({ startGuard }) => {
         const guard = startGuard(${JSON.stringify(folder)})
         guard.started(${left.pid}); guard.started(${forgotten.pid}); guard.ended(${forgotten.pid})
         setInterval(() => {}, 1000)
         setTimeout(() => console.log(guard.pid), 200)
       })`,
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
  const guard = await new Promise<number>(resolve => {
    twin.stdout.once('data', (chunk: Buffer) => resolve(Number(String(chunk))))
  })
  expect(isAlive(guard)).toBe(true)
  twin.kill('SIGKILL')
  await until(() => left.signalCode === 'SIGKILL' || undefined)
  await until(() => !isAlive(guard) || undefined)
  expect([forgotten.exitCode, forgotten.signalCode, server.signalCode]).toEqual([null, null, null])
  forgotten.kill()
  server.kill()
})
