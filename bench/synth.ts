// How long a synth of prod takes beside the smallest CDK app there is, in pairs, and what the bundles weigh.
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

type Pair = { readonly minimal: number; readonly prod: number }

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

function measure(pairs: number): Pair[] {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-bench-'))
  const { context } = JSON.parse(readFileSync(join(ROOT, 'cdk.json'), 'utf8'))
  try {
    const pair = (): Pair => ({
      minimal: time(join(import.meta.dirname, 'minimal-app.ts'), {}, join(folder, 'minimal')),
      prod: time(join(ROOT, 'bin', 'app.ts'), { ...context, env: 'prod' }, join(folder, 'prod')),
    })
    // The first pair only warms the disk.
    pair()
    return Array.from({ length: pairs }, pair)
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

const pairs = measure(Number(values.pairs))
const { seconds, sizes } = await weigh()
const result = {
  minimalSeconds: median(pairs.map(pair => pair.minimal)),
  prodSeconds: median(pairs.map(pair => pair.prod)),
  ratio: median(pairs.map(pair => pair.prod / pair.minimal)),
  ratios: pairs.map(pair => pair.prod / pair.minimal),
  bundleSeconds: seconds,
  bundles: sizes,
}

if (values.json) console.log(JSON.stringify(result))
else {
  console.log(`synth, median of ${pairs.length} pairs
  minimal app (one VPC, one instance)  ${result.minimalSeconds.toFixed(2)} s
  prod                                 ${result.prodSeconds.toFixed(2)} s
  ratio                                ${result.ratio.toFixed(2)} × (${result.ratios.map(ratio => ratio.toFixed(2)).join(', ')})

bundles, one run of esbuild: ${result.bundleSeconds.toFixed(2)} s`)
  for (const { verb, bytes, gzipped } of sizes)
    console.log(`  ${verb.padEnd(22)} ${kib(bytes)} KiB  ${kib(gzipped)} KiB gzipped`)
}

function kib(bytes: number): string {
  return String(Math.round(bytes / 1_024)).padStart(6)
}
