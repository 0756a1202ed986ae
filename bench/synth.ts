// How long a synth of prod takes beside the smallest CDK app there is, in pairs: when nothing changed since the last,
// and when every template did. Processor time holds on a busy machine, the clock only on a quiet one. And what the
// bundles weigh.
// Usage: node bench/synth.ts [--pairs 5] [--json]
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { gzipSync } from 'node:zlib'
import { bundle, VERBS } from '../lib/bundles.ts'

const ROOT = join(import.meta.dirname, '..')
const { values } = parseArgs({
  options: { pairs: { type: 'string', default: '5' }, json: { type: 'boolean', default: false } },
})

/** Seconds of the processor, the program's children included, and of the clock. */
type Spent = { readonly processor: number; readonly clock: number }
type Round = Readonly<Record<'minimal' | 'unchanged' | 'changed', Spent>>

// A shell tells what its children took; Node knows only its own.
const TIMED = '"$0" "$@" >&2; code=$?; times; exit $code'

/** What the program takes until it ends, run by Node with these arguments. @throws when it fails */
function time(program: readonly string[], context: object, folder: string): Spent {
  const began = performance.now()
  const { status, stdout, stderr } = spawnSync('sh', ['-c', TIMED, process.execPath, ...program], {
    cwd: ROOT,
    env: { PATH: process.env.PATH, CDK_OUTDIR: folder, CDK_CONTEXT_JSON: JSON.stringify(context) },
    encoding: 'utf8',
  })
  const clock = (performance.now() - began) / 1_000
  if (status !== 0) throw new Error(`${program.join(' ')} ended with ${status}:\n${stderr}`)
  const children = stdout.trim().split('\n').at(-1) ?? ''
  const processor = [...children.matchAll(/(\d+)m([\d.]+)s/g)]
    .map(([, minutes, seconds]) => 60 * Number(minutes) + Number(seconds))
    .reduce((sum, each) => sum + each, 0)
  return { processor, clock }
}

function measure(pairs: number): Round[] {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-bench-'))
  const { app, context } = JSON.parse(readFileSync(join(ROOT, 'cdk.json'), 'utf8'))
  try {
    const command: string[] = app.split(' ').slice(1)
    const prod = () => time(command, { ...context, env: 'prod' }, join(folder, 'prod'))
    const round = (): Round => {
      const minimal = time([join(import.meta.dirname, 'minimal-app.ts')], {}, join(folder, 'minimal'))
      // What the rules of CloudFormation said of earlier templates: without it every template is new to them.
      rmSync(join(ROOT, '.holdfast', 'judged'), { recursive: true, force: true })
      return { minimal, changed: prod(), unchanged: prod() }
    }
    // The first round only warms the disk.
    round()
    return Array.from({ length: pairs }, round)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
}

async function weigh() {
  const began = performance.now()
  const bundles = await bundle(VERBS)
  const seconds = (performance.now() - began) / 1_000
  const sizes = [...bundles].map(([verb, { path, bytes }]) => ({
    verb,
    bytes,
    gzipped: gzipSync(readFileSync(join(path, 'index.mjs'))).length,
  }))
  return { seconds, sizes }
}

const rounds = measure(Number(values.pairs))
const { seconds, sizes } = await weigh()
const result = {
  minimal: spent('minimal'),
  unchanged: spent('unchanged'),
  changed: spent('changed'),
  bundleSeconds: seconds,
  bundles: sizes,
}

/** Medians in seconds, and the ratios to the minimal app of the same round. */
function spent(which: keyof Round) {
  const of = (measure: keyof Spent) => {
    const ratios = rounds.map(round => round[which][measure] / round.minimal[measure])
    return { seconds: median(rounds.map(round => round[which][measure])), ratio: median(ratios), ratios }
  }
  return { processor: of('processor'), clock: of('clock') }
}

type Measured = ReturnType<typeof spent>['clock']

function line({ seconds, ratio, ratios }: Measured): string {
  const [least, most] = [Math.min(...ratios), Math.max(...ratios)]
  return `${seconds.toFixed(2)} s  ${ratio.toFixed(2)} × (${least.toFixed(2)} to ${most.toFixed(2)})`
}

if (values.json) console.log(JSON.stringify(result))
else {
  const rows = [
    ['minimal app (one VPC, one instance)', result.minimal],
    ['prod, nothing changed', result.unchanged],
    ['prod, every template changed', result.changed],
  ] as const
  console.log(`synth, median of ${rounds.length} pairs`)
  for (const [name, { processor, clock }] of rows)
    console.log(`  ${name.padEnd(36)} processor ${line(processor)}  clock ${line(clock)}`)
  console.log(`\nbundles, one run of esbuild: ${result.bundleSeconds.toFixed(2)} s`)
  for (const { verb, bytes, gzipped } of sizes)
    console.log(`  ${verb.padEnd(22)} ${kib(bytes)} KiB  ${kib(gzipped)} KiB gzipped`)
}

function kib(bytes: number): string {
  return String(Math.round(bytes / 1_024)).padStart(6)
}
