import { execFile } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, beforeEach, expect, test } from '@jest/globals'

const ROOT = join(import.meta.dirname, '../..')
const GOLDEN = join(ROOT, 'test/golden/evidence')

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'holdfast-evidence-'))
  cpSync(GOLDEN, folder, { recursive: true })
})
afterEach(() => rmSync(folder, { recursive: true }))

async function holdfast(...args: string[]) {
  const run = promisify(execFile)(process.execPath, [join(ROOT, 'bin/holdfast.ts'), 'evidence', ...args], {
    env: { ...process.env, NO_COLOR: '1', NODE_OPTIONS: '' },
  })
  return run.then(
    ({ stdout }) => ({ code: 0, said: stdout }),
    error => ({ code: error.code as number, said: `${error.stdout}${error.stderr}` }),
  )
}

test('a folder verifies offline with its key', async () => {
  const { code, said } = await holdfast('verify', folder, '--key', join(folder, 'key.pem'))
  expect(said).toContain('3 records hold')
  expect(said).toContain('the chain is whole from its first record')
  expect(said).toContain('signed by the key that was asked for')
  expect(code).toBe(0)
})

test('one altered figure breaks the exit code and is named', async () => {
  const file = join(folder, '0000000002.json')
  writeFileSync(file, readFileSync(file, 'utf8').replace('"rpoSeconds": 0.7', '"rpoSeconds": 0.1'))
  const { code, said } = await holdfast('verify', folder)
  expect(said).toContain('broken at 0000000002.json: altered')
  expect(said).toContain('1 of 3 records before it hold')
  expect(code).toBe(1)
})

test('a missing record is named from the outside', async () => {
  rmSync(join(folder, '0000000002.json'))
  const { code, said } = await holdfast('verify', folder)
  expect(said).toContain('broken at 0000000003.json: gap')
  expect(said).toContain('1 missing: 2 to 2')
  expect(code).toBe(1)
})

test('a single file says what it cannot say', async () => {
  const { code, said } = await holdfast('verify', join(folder, '0000000003.json'))
  expect(said).toContain('the records before and after were not looked at')
  expect(said).toContain('give --key to know whose it is')
  expect(code).toBe(0)
})

test('what is not there is a sentence and a step', async () => {
  const { code, said } = await holdfast('verify', join(folder, 'nowhere'))
  expect(said).toContain('HINT: give a file or a folder of evidence')
  expect(code).toBe(1)
})

test('one drill is drawn as a page', async () => {
  const page = join(folder, 'page.html')
  await holdfast('report', '#2', '--from', folder, '--out', page)
  expect(readFileSync(page, 'utf8')).toContain('Restore drill #2 of shop-prod')
})
