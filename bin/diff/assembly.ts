import { copyFile, mkdir, readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Refusal } from '../../lambdas/runtime/failure.ts'

/** A template as CloudFormation takes it; only what we look at is typed. */
export type Template = { readonly Resources?: Readonly<Record<string, unknown>> }

/** The templates of a cdk.out, by stack name, and the region of each where its manifest says so. */
export type Assembly = {
  readonly templates: ReadonlyMap<string, Template>
  readonly regions: ReadonlyMap<string, string>
}

const TEMPLATE = '.template.json'

/** Reads a cdk.out, or a folder with its templates. Throws a Refusal when there is none, or a template is not JSON. */
export async function readAssembly(folder: string): Promise<Assembly> {
  const names = await readdir(folder).catch((cause: unknown) => {
    throw new Refusal('NoAssembly', `cannot read ${folder}`, 'name a cdk.out or a folder made with --save', {
      cause,
    })
  })
  const files = names.filter(name => name.endsWith(TEMPLATE)).toSorted()
  if (files.length === 0)
    throw new Refusal(
      'NoAssembly',
      `${folder} holds no ${TEMPLATE}`,
      'name a cdk.out or a folder made with --save',
    )
  const templates = new Map<string, Template>()
  for (const file of files)
    templates.set(file.slice(0, -TEMPLATE.length), (await readJson(join(folder, file))) as Template)
  return { templates, regions: names.includes('manifest.json') ? await regionsOf(folder) : new Map() }
}

/** Copies what a later comparison needs: the templates and the manifest. */
export async function saveAssembly(from: string, to: string): Promise<void> {
  await mkdir(to, { recursive: true })
  for (const name of await readdir(from))
    if (name.endsWith(TEMPLATE) || name === 'manifest.json') await copyFile(join(from, name), join(to, name))
}

type Manifest = {
  readonly artifacts?: Readonly<Record<string, { readonly type?: string; readonly environment?: string }>>
}

async function regionsOf(folder: string): Promise<Map<string, string>> {
  const { artifacts = {} } = (await readJson(join(folder, 'manifest.json'))) as Manifest
  return new Map(
    Object.entries(artifacts).flatMap(([stack, { type, environment }]) => {
      const region = /^aws:\/\/[^/]+\/(.+)$/.exec(environment ?? '')?.[1]
      return type === 'aws:cloudformation:stack' && region ? [[stack, region] as const] : []
    }),
  )
}

async function readJson(path: string): Promise<unknown> {
  const text = await readFile(path, 'utf8')
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new Refusal('NoAssembly', `${path} is not JSON`, 'synthesize or save it again', { cause })
  }
}
