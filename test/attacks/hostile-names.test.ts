import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { printLines } from '../../bin/archive/print.ts'
import { describeResult } from '../../bin/drill/show.ts'
import { Progress, paint, table, write } from '../../bin/terminal.ts'
import { holdfast } from '../bin/run.ts'
import { makeEvidence, makeKeys, sealWith } from '../lambdas/runtime/evidence/chain.ts'
import { ALL, HOSTILE, IN_DATABASE, UNSEEN } from './names.ts'

const ROOT = join(import.meta.dirname, '../..')

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'holdfast-names-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

/** A signed record every text of which is hostile, the first line of each the name alone. */
function writeRecord(): string {
  const all = IN_DATABASE.join(' ')
  const check = { name: all, verdict: 'fail', detail: all, asked: all, answer: { [all]: all } } as const
  const sealed = sealWith(
    makeKeys(),
    makeEvidence({
      drill: all,
      execution: all,
      environment: all,
      mode: all,
      verdict: 'fail',
      sentence: `${all}\nHINT: ${all}`,
      request: { target: { kind: all }, requestedBy: all },
      stages: [
        {
          ...{ name: all, verdict: 'fail', detail: all, checks: [check] },
          ...{ startedAt: '2026-11-20T14:08:00.000Z', endedAt: '2026-11-20T14:09:00.000Z' },
        },
      ],
      tables: IN_DATABASE.map(name => ({
        ...{ name, level: 'chunks', verdict: 'fail', detail: name, digest: '' },
        ...{ rows: 1, compared: 1, equal: 0, changedSince: 0, lost: 1, corrupt: 0 },
      })),
      calls: [{ at: '2026-11-20T14:08:00.000Z', stage: all, service: all, operation: all, requestId: all }],
    }),
  )
  const records = join(folder, 'records')
  mkdirSync(records)
  writeFileSync(join(records, '0000000001.json'), JSON.stringify(sealed, null, 2))
  return records
}

/** Nothing in it is obeyed or unseen, and no line was begun by a name. */
function expectHarmless(said: string): void {
  expect(said).not.toMatch(UNSEEN)
  expect(said).not.toMatch(/^(VERDICT|PASS|next)/m)
  expect(said).not.toBe('')
}

test('no name in a record reaches the terminal as more than text, in any command and in --json', async () => {
  const from = writeRecord()
  for (const asked of [
    ['list', from],
    ['list', from, '--json'],
    ['show', '--from', from],
    ['show', '--from', from, '--json'],
    ['verify', from],
    ['verify', from, '--json'],
  ]) {
    const { stdout, stderr } = await holdfast(['evidence', ...asked])
    expect(stderr).toBe('')
    expectHarmless(stdout)
  }
})

test('--json gives back the very name that it shows escaped', async () => {
  const from = writeRecord()
  const { stdout } = await holdfast(['evidence', 'show', '--from', from, '--json'])
  const { evidence } = JSON.parse(stdout) as { evidence: { tables: { name: string }[] } }
  expect(evidence.tables.map(({ name }) => name)).toEqual(IN_DATABASE)
})

test('a report shows each name and lets none become markup, or turn or hide what stands around it', async () => {
  const from = writeRecord()
  const page = join(folder, 'page.html')
  await holdfast(['evidence', 'report', '--from', from, '--out', page])
  const html = readFileSync(page, 'utf8')
  expect(html).not.toMatch(UNSEEN)
  expect(html).not.toMatch(/<script|<img/)
  expect(html).toContain('&lt;img src=x onerror=alert(1)&gt;&quot;&#39;&amp;&lt;/td&gt;')
  expect(html).toContain('\\u202etxt.gnp\\u202c')
})

test('an error sentence and a mistyped command show what was typed', async () => {
  const from = writeRecord()
  for (const asked of [
    ['evidence', 'show', ALL, '--from', from],
    ['evidence', 'show', '--from', join(folder, ALL.replaceAll('/', '|'))],
    [ALL],
    ['check', `--${ALL}`],
    ['status', '--env', ALL],
  ]) {
    const { code, stderr } = await holdfast(asked.map(text => text.replaceAll('\0', '')))
    expect(code).toBe(1)
    expectHarmless(stderr)
  }
})

test('holdfast logs shows a log that a name was written into', async () => {
  mkdirSync(join(folder, 'prod'))
  writeFileSync(join(folder, 'prod', 'twin.log'), `first ${ALL.replaceAll('\n', ' ')}\n`)
  const { stdout } = await holdfast(['logs', 'twin'], { HOLDFAST_TWINS: folder })
  expectHarmless(stdout)
  expect(stdout).toContain('\\u001b]0;owned\\u0007\\u001b[31mred')
})

test('on a terminal the colours are ours and nothing else is obeyed, in cells, lines and progress', () => {
  const stream = Object.assign(new PassThrough({ encoding: 'utf8' }), { isTTY: true })
  const terminal = stream as unknown as NodeJS.WriteStream
  delete process.env.NO_COLOR
  for (const name of Object.values(HOSTILE)) {
    write(
      terminal,
      `${table(['name', paint('bold', name, terminal)], [[paint('red', name, terminal), name]])}\n`,
    )
    const progress = new Progress(terminal)
    progress.say(`loading ${name}`)
    progress.done(`loaded ${name}`)
  }
  const said = String(stream.read())
  expect(said).toContain('\u001b[31m\\u001b]0;owned\\u0007\\u001b[31mred\u001b[39m')
  // biome-ignore lint/suspicious/noControlCharactersInRegex: what this tool itself writes is taken away
  expectHarmless(said.replace(/\u001b\[(1|22|31|39)m|\r\u001b\[2K/g, ''))
})

test('a drill’s result and the changes of the archive are shown line by line', async () => {
  const stage = { name: ALL, verdict: 'fail', detail: ALL, seconds: 1 } as const
  const result = { verdict: 'fail', sentence: ALL, stages: [stage], evidence: null }
  const measured = { rpoSeconds: 1, rtoSeconds: 1, coverage: 1 }
  const asked = { objective: { rpoSeconds: 1, rtoSeconds: 1 } }
  const out = new PassThrough({ encoding: 'utf8' })
  write(out, `${describeResult(asked as never, { ...result, measured } as never)}\n`)
  await printLines(
    (async function* () {
      yield { table: ALL, row: { [ALL]: ALL } }
    })(),
    out,
  )
  const said = String(out.read())
  expectHarmless(said)
  expect(JSON.parse(said.split('\n').at(-2) ?? '')).toEqual({ table: ALL, row: { [ALL]: ALL } })
})

test('a name makes no second line in the log of a function, and no measurement', () => {
  const forged = `x\n{"_aws":{"CloudWatchMetrics":[]}} ${ALL}`
  const run = `const { log } = await import(${JSON.stringify(join(ROOT, 'lambdas/runtime/log.ts'))}); log(${JSON.stringify(forged)})`
  const said = execFileSync(process.execPath, ['--input-type=module', '-e', run], { encoding: 'utf8' })
  expect(said.split('\n')).toHaveLength(2)
  expectHarmless(said)
})

test('no command writes past the one place that shows what is unseen', () => {
  const past = /\bconsole\.|process\.(stdout|stderr)\.write\(/
  const sources = readdirSync(join(ROOT, 'bin'), { recursive: true, encoding: 'utf8' })
    .filter(name => name.endsWith('.ts') && name !== 'terminal.ts')
    .filter(name => past.test(readFileSync(join(ROOT, 'bin', name), 'utf8')))
  // Synthesis is no command: what it says is of the configuration that its reader wrote.
  expect(sources).toEqual(['app.ts'])
  const functions = readdirSync(join(ROOT, 'lambdas'), { recursive: true, encoding: 'utf8' })
    .filter(name => name.endsWith('.ts'))
    .filter(name => past.test(readFileSync(join(ROOT, 'lambdas', name), 'utf8')))
  expect(functions.sort()).toEqual(['runtime/log.ts', 'runtime/metrics.ts'])
})
