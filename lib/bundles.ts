import { createHash } from 'node:crypto'
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { buildSync, type Metafile } from 'esbuild'

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

/** Bundles the verbs in one run of esbuild. Deterministic: the same sources give the same bytes anywhere. */
export function bundle(verbs: readonly string[]): ReadonlyMap<string, Bundle> {
  for (const verb of verbs) requireHandler(verb)
  for (const verb of verbs) rmSync(join(OUTPUT, verb), { recursive: true, force: true })
  build(verbs)
  if (verbs.includes('migrate'))
    cpSync(MIGRATIONS, join(OUTPUT, 'migrate', 'migrations'), { recursive: true })
  return new Map(verbs.map(verb => [verb, describe(join(OUTPUT, verb))]))
}

function requireHandler(verb: string): void {
  const handler = join(ROOT, 'lambdas', verb, 'handler.ts')
  if (!existsSync(handler))
    throw new Error(`no handler at lambdas/${verb}/handler.ts\nHINT: write it, or take ${verb} from VERBS`)
}

function build(verbs: readonly string[]): Metafile | undefined {
  mkdirSync(OUTPUT, { recursive: true })
  return buildSync({
    absWorkingDir: ROOT,
    entryPoints: Object.fromEntries(verbs.map(verb => [`${verb}/index`, `lambdas/${verb}/handler.ts`])),
    outdir: OUTPUT,
    outExtension: { '.js': '.mjs' },
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
  }).metafile
}

function describe(path: string): Bundle {
  const hash = createHash('sha256')
  for (const file of readdirSync(path, { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile())
    .map(entry => join(entry.parentPath, entry.name))
    .sort())
    hash.update(file.slice(path.length)).update('\0').update(readFileSync(file)).update('\0')
  return { path, hash: hash.digest('hex'), bytes: readFileSync(join(path, 'index.mjs')).length }
}
