import { execFile } from 'node:child_process'
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { assembly } from '../support/assembly.ts'
import { start } from './run.ts'

const ROOT = join(import.meta.dirname, '../..')
let twins: string
beforeAll(() => {
  twins = mkdtempSync(join(tmpdir(), 'holdfast-rehearse-'))
  // PostgreSQL runs as another account and must be able to pass.
  chmodSync(twins, 0o711)
})
afterAll(() => rmSync(twins, { recursive: true, force: true }))

test('a small rehearsal breaks a database, brings it back, proves it and leaves nothing running', async () => {
  const { directory } = await assembly('dev')
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [
      join(ROOT, 'bin/holdfast.ts'),
      'rehearse',
      '--env',
      'dev',
      '--assembly',
      directory,
      '--rows',
      '2000',
      '--json',
    ],
    { env: { ...process.env, HOLDFAST_TWINS: twins, NODE_OPTIONS: '' }, maxBuffer: 1 << 24 },
  )
  const shown = JSON.parse(stdout)
  expect(shown.drill.verdict).toBe('pass')
  expect(shown.evidence).toMatchObject({ verdict: 'pass', pinned: true, complete: true })
  expect(shown.back.verdict).toBe('pass')
  expect(shown.back.rows).toBeGreaterThanOrEqual(shown.damage.rows)
  // The rows that the damage took are in the copy alone: the archive's tail has a change for each.
  const { evidence } = JSON.parse(readFileSync(join(shown.folder, '0000000001.json'), 'utf8'))
  const tables: { name: string; verdict: string }[] = evidence.tables
  expect(tables.find(({ name }) => name === 'shop.orders')?.verdict).toBe('explained')
  expect(shown.loss.lost).toBe(0)
  expect(readFileSync(shown.report, 'utf8')).toContain('<b>Proven</b>')
  expect(existsSync(join(twins, 'dev', 'endpoint.json'))).toBe(false)
}, 400_000)

test('a rehearsal that is interrupted leaves nothing running', async () => {
  const { directory } = await assembly('dev')
  const words = ['rehearse', '--env', 'dev', '--assembly', directory, '--rows', '2000']
  const { child, ended } = start(words, { HOLDFAST_TWINS: twins, NODE_OPTIONS: '' })
  await new Promise<void>(resolve => {
    let said = ''
    child.stderr?.on('data', (text: string) => {
      said += text
      if (said.includes('writing steadily')) resolve()
    })
  })
  child.kill('SIGINT')
  const { code, stderr } = await ended
  expect(stderr).toContain('stopping the twin of dev …')
  expect(code).toBe(130)
  expect(existsSync(join(twins, 'dev/endpoint.json'))).toBe(false)
}, 300_000)
