import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'
import { assembly, ENVIRONMENTS, type EnvironmentName } from '../support/assembly.ts'

// For reading the difference that a change makes; it says "same", never "right". GOLDEN=update writes it anew.
const GOLDEN = join(import.meta.dirname, '..', 'golden')

/** The template without what every change of a Lambda's code changes: hashes of assets and of versions. */
function normalised(template: unknown): string {
  return `${JSON.stringify(template, null, 1)}\n`
    .replace(/CurrentVersion[0-9A-F]{8}[0-9a-f]{32}/g, 'CurrentVersion<hash>')
    .replace(/[0-9a-f]{64}/g, '<hash>')
}

async function templates(environment: EnvironmentName): Promise<Record<string, string>> {
  const one = await assembly(environment)
  return Object.fromEntries(one.stacks.map(stack => [`${stack}.json`, normalised(one.template(stack))]))
}

test.each(ENVIRONMENTS)('the templates of %s are those that were read and accepted', async environment => {
  const folder = join(GOLDEN, environment)
  const found = await templates(environment)
  if (process.env.GOLDEN === 'update') {
    await rm(folder, { recursive: true, force: true })
    await mkdir(folder, { recursive: true })
    for (const [file, text] of Object.entries(found)) await writeFile(join(folder, file), text)
  }
  expect((await readdir(folder)).sort()).toEqual(Object.keys(found).sort())
  for (const [file, text] of Object.entries(found))
    expect([file, text.split('\n')]).toEqual([file, (await readFile(join(folder, file), 'utf8')).split('\n')])
})
