import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { synthesize } from './diff/synthesize.ts'

/** The repository's root. */
export const ROOT = fileURLToPath(new URL('..', import.meta.url))

/** Everything that a synthesized assembly is made of. */
const SOURCES = ['bin', 'config', 'lib', 'lambdas', 'sql', 'cdk.json', 'package-lock.json']
/** Written beside the assembly once it is whole. */
const MARKER = 'holdfast.json'

type Marker = { readonly environment: string; readonly sources: string; readonly manifest: string }

/** An assembly that is as new as the sources. */
export type Fresh = { readonly directory: string; readonly synthesized: boolean }

/**
 * The assembly of an environment in `cdk.out`, synthesized when it is missing, stale, half written or another
 * environment's. @throws Refusal what the configuration is refused for
 */
export async function freshAssembly(environment: string, say: (text: string) => void): Promise<Fresh> {
  const directory = join(ROOT, 'cdk.out')
  const sources = digestOfSources()
  if (isFresh(directory, environment, sources)) return { directory, synthesized: false }
  say(`synthesizing ${environment} …`)
  // Without the marker first: an assembly that is being written is nobody's.
  rmSync(directory, { recursive: true, force: true })
  await synthesize(environment, directory)
  const marker: Marker = { environment, sources, manifest: digestOfManifest(directory) }
  writeFileSync(join(directory, MARKER), JSON.stringify(marker))
  return { directory, synthesized: true }
}

function isFresh(directory: string, environment: string, sources: string): boolean {
  const file = join(directory, MARKER)
  if (!existsSync(file) || !existsSync(join(directory, 'manifest.json'))) return false
  const marker = JSON.parse(readFileSync(file, 'utf8')) as Marker
  return (
    marker.environment === environment &&
    marker.sources === sources &&
    marker.manifest === digestOfManifest(directory)
  )
}

function digestOfManifest(directory: string): string {
  return createHash('sha256')
    .update(readFileSync(join(directory, 'manifest.json')))
    .digest('hex')
}

function digestOfSources(): string {
  const hash = createHash('sha256')
  for (const source of SOURCES)
    for (const file of filesOf(join(ROOT, source)))
      hash.update(file.slice(ROOT.length)).update('\0').update(readFileSync(file)).update('\0')
  return hash.digest('hex')
}

function filesOf(path: string): string[] {
  if (!existsSync(path)) return []
  const entries = readdirSyncOrFile(path)
  return entries === undefined ? [path] : entries.flatMap(name => filesOf(join(path, name)))
}

function readdirSyncOrFile(path: string): string[] | undefined {
  try {
    return readdirSync(path).sort()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOTDIR') return undefined
    throw error
  }
}
