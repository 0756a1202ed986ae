import { execFile } from 'node:child_process'
import { createHash, randomUUID } from 'node:crypto'
import { existsSync, globSync } from 'node:fs'
import { mkdir, readdir, readFile, rename, rm, stat, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

const ROOT = join(import.meta.dirname, '..', '..')
const CACHE = join(ROOT, '.holdfast', 'assemblies')
const run = promisify(execFile)

/** The environments that the repository carries. */
export const ENVIRONMENTS = ['dev', 'staging', 'prod'] as const
export type EnvironmentName = (typeof ENVIRONMENTS)[number]

export type Resource = {
  readonly Type: string
  // biome-ignore lint/suspicious/noExplicitAny: a template is JSON whose shape each test knows.
  readonly Properties: any
  readonly DependsOn?: readonly string[]
  readonly DeletionPolicy?: string
  readonly UpdateReplacePolicy?: string
}

export type Template = {
  readonly Resources: Readonly<Record<string, Resource>>
  readonly Outputs?: Readonly<Record<string, { readonly Value: unknown }>>
  readonly Transform?: unknown
}

/** One synthesized environment. */
export type Assembly = {
  /** The folder, as `cdk.out`. */
  readonly directory: string
  /** Stacks by the part of their name after the environment's, e.g. `database`. */
  readonly stacks: readonly string[]
  /** Template of the stack of that part. @throws when there is none */
  template(part: string): Template
  /** Resources of one type in one stack, by logical id. */
  resources(part: string, type: string): Readonly<Record<string, Resource>>
  /** The only resource of its type in one stack. @throws when there is another number */
  only(part: string, type: string): Resource
}

/** Synthesizes the environment, or takes what was synthesized from the very same sources before. */
export async function assembly(environment: EnvironmentName): Promise<Assembly> {
  const directory = join(CACHE, await digestOfSources(), environment)
  if (!existsSync(directory)) {
    const draft = `${directory}.${randomUUID()}`
    await synthesize(environment, draft)
    // Another worker may have been quicker with the same content.
    await rename(draft, directory).catch(() => rm(draft, { recursive: true }))
    await forgetOld()
  }
  return open(environment, directory)
}

/** Runs bin/app.ts into the folder: without credentials, without a home and without a network. @throws with what it printed */
export async function synthesize(
  environment: string,
  directory: string,
  context: Readonly<Record<string, unknown>> = {},
): Promise<string> {
  const cdk = JSON.parse(await readFile(join(ROOT, 'cdk.json'), 'utf8'))
  const preload = join(import.meta.dirname, 'no-network.ts')
  const { stderr } = await run(process.execPath, ['--import', preload, join(ROOT, 'bin', 'app.ts')], {
    cwd: ROOT,
    env: {
      PATH: process.env.PATH,
      CDK_OUTDIR: directory,
      CDK_CONTEXT_JSON: JSON.stringify({
        ...cdk.context,
        'aws:cdk:enable-path-metadata': true,
        env: environment,
        ...context,
      }),
    },
  })
  return stderr
}

function open(environment: string, directory: string): Promise<Assembly> {
  const prefix = `shop-${environment}-`
  return readdir(directory).then(async files => {
    const templates = new Map<string, Template>()
    for (const file of files.filter(name => name.endsWith('.template.json')).sort()) {
      const part = file.slice(prefix.length, -'.template.json'.length)
      templates.set(part, JSON.parse(await readFile(join(directory, file), 'utf8')))
    }
    const template = (part: string) => {
      const found = templates.get(part)
      if (!found) throw new Error(`no stack ${prefix}${part} among ${[...templates.keys()].join(', ')}`)
      return found
    }
    const resources = (part: string, type: string) =>
      Object.fromEntries(Object.entries(template(part).Resources).filter(([, one]) => one.Type === type))
    const only = (part: string, type: string) => {
      const found = Object.values(resources(part, type))
      if (found.length !== 1 || !found[0]) throw new Error(`${found.length} ${type} in ${part}, not one`)
      return found[0]
    }
    return { directory, stacks: [...templates.keys()], template, resources, only }
  })
}

async function digestOfSources(): Promise<string> {
  const hash = createHash('sha256')
  const patterns = ['bin/app.ts', 'cdk.json', 'package-lock.json', '{config,lib,lambdas}/**/*.ts', 'sql/**/*']
  for (const file of globSync(patterns, { cwd: ROOT }).sort())
    if ((await stat(join(ROOT, file))).isFile()) hash.update(file).update(await readFile(join(ROOT, file)))
  const digest = hash.digest('hex').slice(0, 16)
  await mkdir(join(CACHE, digest), { recursive: true })
  // Now, so that a neighbour that tidies up leaves it alone.
  await utimes(join(CACHE, digest), new Date(), new Date())
  return digest
}

async function forgetOld(): Promise<void> {
  for (const name of await readdir(CACHE)) {
    const path = join(CACHE, name)
    // Another worker may forget the same one at this moment.
    const { mtimeMs } = await stat(path).catch(() => ({ mtimeMs: Date.now() }))
    if (Date.now() - mtimeMs > 3_600_000) await rm(path, { recursive: true, force: true })
  }
}
