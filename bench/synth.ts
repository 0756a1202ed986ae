// How long a synth of prod takes beside the smallest CDK app there is, in pairs: when nothing changed since the last,
// and when every template did. And what the bundles weigh.
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

type Round = { readonly minimal: number; readonly unchanged: number; readonly changed: number }

/** Seconds of the program until it ends. @throws when it fails */
function time(program: string, context: object, folder: string): number {
  const began = performance.now()
  const { status, stderr } = spawnSync(process.execPath, [program], {
    cwd: ROOT,
    env: { PATH: process.env.PATH, CDK_OUTDIR: folder, CDK_CONTEXT_JSON: JSON.stringify(context) },
    encoding: 'utf8',
  })
  if (status !== 0) throw new Error(`${program} ended with ${status}:\n${stderr}`)
  return (performance.now() - began) / 1_000
}

function measure(pairs: number): Round[] {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-bench-'))
  const { context } = JSON.parse(readFileSync(join(ROOT, 'cdk.json'), 'utf8'))
  try {
    const prod = () => time(join(ROOT, 'bin', 'app.ts'), { ...context, env: 'prod' }, join(folder, 'prod'))
    const round = (): Round => {
      const minimal = time(join(import.meta.dirname, 'minimal-app.ts'), {}, join(folder, 'minimal'))
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
  minimalSeconds: median(rounds.map(round => round.minimal)),
  changed: against(rounds, 'changed'),
  unchanged: against(rounds, 'unchanged'),
  bundleSeconds: seconds,
  bundles: sizes,
}

function against(all: readonly Round[], which: 'changed' | 'unchanged') {
  const ratios = all.map(round => round[which] / round.minimal)
  return { seconds: median(all.map(round => round[which])), ratio: median(ratios), ratios }
}

function line({ seconds, ratio, ratios }: ReturnType<typeof against>): string {
  return `${seconds.toFixed(2)} s  ${ratio.toFixed(2)} × (${ratios.map(each => each.toFixed(2)).join(', ')})`
}

if (values.json) console.log(JSON.stringify(result))
else {
  console.log(`synth, median of ${rounds.length} pairs
  minimal app (one VPC, one instance)  ${result.minimalSeconds.toFixed(2)} s
  prod, nothing changed                ${line(result.unchanged)}
  prod, every template changed         ${line(result.changed)}

bundles, one run of esbuild: ${result.bundleSeconds.toFixed(2)} s`)
  for (const { verb, bytes, gzipped } of sizes)
    console.log(`  ${verb.padEnd(22)} ${kib(bytes)} KiB  ${kib(gzipped)} KiB gzipped`)
}

function kib(bytes: number): string {
  return String(Math.round(bytes / 1_024)).padStart(6)
}
