import { createHash, randomUUID } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { build, stop } from 'esbuild'

/** The Lambdas, by the folder of each. */
export const VERBS = [
  'migrate',
  'heartbeat',
  'archiver',
  'archive-verification',
  'backup-verification',
  'examine',
  'restore-drill',
  'roll-forward',
  'reaper',
  'freshness',
  'workload',
] as const
export type Verb = (typeof VERBS)[number]

const ROOT = join(import.meta.dirname, '..')
const OUTPUT = join(ROOT, '.holdfast', 'bundles')
const MIGRATIONS = join(ROOT, 'sql', 'migrations')

// CommonJS dependencies ask for `require`, which an ES module does not have.
const BANNER = `import{createRequire}from'node:module';const require=createRequire(import.meta.url);`

/** A Lambda's code, ready to be an asset. */
export type Bundle = {
  /** Folder that holds `index.mjs` and, for `migrate`, `migrations/`. */
  readonly path: string
  /** SHA-256 over every file of the folder, in hexadecimal. */
  readonly hash: string
  /** Bytes of `index.mjs`. */
  readonly bytes: number
}

/** Every verb's bundle. */
export type Bundles = ReadonlyMap<Verb, Bundle>

/** Bundles the verbs in one run of esbuild. Deterministic: the same sources give the same bytes anywhere. */
export async function bundle(verbs: readonly Verb[]): Promise<Bundles> {
  for (const verb of verbs) requireHandler(verb)
  const code = await compile(verbs)
  return new Map(verbs.map(verb => [verb, store(verb, code.get(verb) ?? new Uint8Array())] as const))
}

function requireHandler(verb: string): void {
  if (!existsSync(join(ROOT, 'lambdas', verb, 'handler.ts')))
    throw new Error(`no handler at lambdas/${verb}/handler.ts\nHINT: write it, or take ${verb} from VERBS`)
}

async function compile(verbs: readonly string[]): Promise<ReadonlyMap<string, Uint8Array>> {
  const { outputFiles } = await build({
    absWorkingDir: ROOT,
    entryPoints: Object.fromEntries(verbs.map(verb => [verb, `lambdas/${verb}/handler.ts`])),
    outdir: OUTPUT,
    write: false,
    bundle: true,
    minify: true,
    format: 'esm',
    platform: 'node',
    target: 'node24',
    banner: { js: BANNER },
    // pg asks for its native driver in a try; nobody here installs it.
    external: ['pg-native'],
    legalComments: 'none',
    logLevel: 'error',
  })
  // Its process would otherwise outlive a short synth by a moment.
  await stop()
  return new Map(outputFiles.map(file => [file.path.slice(OUTPUT.length + 1, -'.js'.length), file.contents]))
}

// The folder is named by its content and appears whole, so that two synths at once cannot disturb each other.
function store(verb: string, code: Uint8Array): Bundle {
  const extra = verb === 'migrate' ? migrations() : new Map<string, Uint8Array>()
  const files = new Map<string, Uint8Array>([['index.mjs', code], ...extra])
  const hash = hashOf(files)
  const path = join(OUTPUT, verb, hash)
  if (!existsSync(path)) publish(path, files)
  return { path, hash, bytes: code.length }
}

function migrations(): ReadonlyMap<string, Uint8Array> {
  const names = readdirSync(MIGRATIONS)
    .filter(name => name.endsWith('.sql'))
    .sort()
  return new Map(names.map(name => [`migrations/${name}`, readFileSync(join(MIGRATIONS, name))]))
}

function hashOf(files: ReadonlyMap<string, Uint8Array>): string {
  const hash = createHash('sha256')
  for (const [name, content] of files) hash.update(`${name}\0${content.length}\0`).update(content)
  return hash.digest('hex')
}

function publish(path: string, files: ReadonlyMap<string, Uint8Array>): void {
  const draft = `${path}.${randomUUID()}`
  for (const [name, content] of files) {
    mkdirSync(dirname(join(draft, name)), { recursive: true })
    writeFileSync(join(draft, name), content)
  }
  try {
    renameSync(draft, path)
  } catch (error) {
    rmSync(draft, { recursive: true, force: true })
    // Another synth was quicker with the same bytes.
    if (!existsSync(path)) throw error
  }
}
