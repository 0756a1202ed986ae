import { existsSync, readFileSync, realpathSync } from 'node:fs'
import { join, resolve, sep } from 'node:path'

/** One resource as its template declares it, intrinsics unresolved. */
export type Declaration = {
  readonly Type: string
  readonly Properties?: Readonly<Record<string, unknown>>
  readonly DependsOn?: string | readonly string[]
  readonly Condition?: string
  readonly DeletionPolicy?: string
  readonly UpdateReplacePolicy?: string
  readonly Metadata?: Readonly<Record<string, unknown>>
}

/** What a template says of one output. */
export type Output = {
  readonly Value: unknown
  readonly Condition?: string
  readonly Description?: string
  readonly Export?: { readonly Name: unknown }
}

/** A CloudFormation template, as far as the twin reads it. */
export type Template = {
  readonly Resources: Readonly<Record<string, Declaration>>
  readonly Outputs?: Readonly<Record<string, Output>>
  readonly Parameters?: Readonly<Record<string, { readonly Type: string; readonly Default?: unknown }>>
  readonly Conditions?: Readonly<Record<string, unknown>>
  readonly Mappings?: Readonly<Record<string, Readonly<Record<string, Readonly<Record<string, unknown>>>>>>
  readonly Transform?: unknown
  readonly Rules?: unknown
}

/** One stack of a synthesized assembly. */
export type Stack = {
  readonly name: string
  readonly region: string
  readonly account: string
  readonly template: Template
  readonly tags: Readonly<Record<string, string>>
  /** Names of the stacks that must be there before. */
  readonly dependencies: readonly string[]
}

/** A synthesized assembly: its stacks and where its assets lie. */
export type Assembly = {
  readonly directory: string
  readonly stacks: readonly Stack[]
  /** Folder of an asset, by the object key that the templates name. */
  readonly assets: ReadonlyMap<string, string>
}

type Artifact = {
  readonly type: string
  readonly environment?: string
  readonly dependencies?: readonly string[]
  readonly properties?: {
    readonly templateFile?: string
    readonly stackName?: string
    readonly tags?: Readonly<Record<string, string>>
    readonly file?: string
  }
}

type AssetFile = {
  readonly source?: { readonly path?: string; readonly packaging?: string }
  readonly destinations: Readonly<Record<string, { readonly objectKey: string }>>
}

const ENVIRONMENT = /^aws:\/\/(\d{12})\/([a-z0-9-]+)$/
// Transforms of AWS's that change nothing for the twin: what they would expand is recorded as it stands.
const KNOWN_TRANSFORMS = ['AWS::SecretsManager-2020-07-23', 'AWS::SecretsManager-2024-09-16']

/** Reads the assembly in `directory`. Throws a sentence for what is no assembly or names no account and region. */
export function readAssembly(directory: string): Assembly {
  const file = join(directory, 'manifest.json')
  if (!existsSync(file))
    throw new Error(`${directory} holds no manifest.json\nHINT: synthesize the stacks first, with cdk synth`)
  const manifest = readJson<{ artifacts?: Record<string, Artifact> }>(file)
  const artifacts = Object.entries(manifest.artifacts ?? {})
  const names = new Map(
    artifacts
      .filter(([, artifact]) => artifact.type === 'aws:cloudformation:stack')
      .map(([id, artifact]) => [id, artifact.properties?.stackName ?? id]),
  )
  const stacks = artifacts
    .filter(([id]) => names.has(id))
    .map(([id, artifact]) => readStack(directory, id, artifact, names))
  if (stacks.length === 0)
    throw new Error(`${directory} holds no stack\nHINT: synthesize an environment that has some`)
  return { directory, stacks, assets: readAssets(directory, artifacts) }
}

function readStack(
  directory: string,
  id: string,
  artifact: Artifact,
  names: ReadonlyMap<string, string>,
): Stack {
  const place = artifact.environment?.match(ENVIRONMENT)
  const name = names.get(id) ?? id
  if (!place?.[1] || !place[2])
    throw new Error(
      `stack ${name} is for ${artifact.environment ?? 'no environment'}, want an account and a region\nHINT: give the stack env: { account, region }`,
    )
  // CloudFormation's own rules; the twin makes names of files from them.
  if (!/^[A-Za-z][A-Za-z0-9-]{0,127}$/.test(name))
    throw new Error(`${JSON.stringify(name)} is not the name of a stack: letters, digits and hyphens`)
  const template = readJson<Template>(
    within(directory, artifact.properties?.templateFile ?? `${id}.template.json`),
  )
  for (const logicalId of Object.keys(template.Resources ?? {}))
    if (!/^[A-Za-z0-9]{1,255}$/.test(logicalId))
      throw new Error(
        `stack ${name} has the logical id ${JSON.stringify(logicalId)}: letters and digits only`,
      )
  for (const transform of [template.Transform ?? []].flat())
    if (!KNOWN_TRANSFORMS.includes(String(transform)))
      throw new Error(`stack ${name} uses the transform ${transform}, which the twin does not know`)
  return {
    name,
    account: place[1],
    region: place[2],
    template,
    tags: artifact.properties?.tags ?? {},
    dependencies: (artifact.dependencies ?? [])
      .map(dependency => names.get(dependency))
      .filter(found => found !== undefined),
  }
}

function readAssets(
  directory: string,
  artifacts: readonly (readonly [string, Artifact])[],
): Map<string, string> {
  const assets = new Map<string, string>()
  for (const [, artifact] of artifacts) {
    if (artifact.type !== 'cdk:asset-manifest' || !artifact.properties?.file) continue
    const { files } = readJson<{ files?: Record<string, AssetFile> }>(
      within(directory, artifact.properties.file),
    )
    for (const { source, destinations } of Object.values(files ?? {}))
      for (const { objectKey } of Object.values(destinations))
        if (source?.path) assets.set(objectKey, within(directory, source.path))
  }
  return assets
}

/**
 * A path of the assembly, links followed.
 * @throws Error for one that leads out of it: an assembly brings its own files and takes no others of this machine
 */
function within(directory: string, path: string): string {
  const [root, wanted] = [realpathSync(directory), resolve(directory, path)]
  const real = existsSync(wanted) ? realpathSync(wanted) : wanted
  if (real === root || real.startsWith(root + sep)) return wanted
  throw new Error(
    `${join(directory, 'manifest.json')} names ${path}, which lies outside of the assembly\nHINT: synthesize again, with assets staged into the assembly`,
  )
}

function readJson<T>(file: string): T {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as T
  } catch (cause) {
    throw new Error(`cannot read ${file} as JSON\nHINT: remove the folder and synthesize again`, { cause })
  }
}
