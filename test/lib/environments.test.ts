import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from '@jest/globals'
import { assembly, ENVIRONMENTS, synthesize } from '../support/assembly.ts'

const folder = await mkdtemp(join(tmpdir(), 'holdfast-environments-'))
afterAll(() => rm(folder, { recursive: true }))

/** Every file of an assembly that CloudFormation or the asset upload reads, with its bytes as hexadecimal text. */
async function bytes(directory: string): Promise<Record<string, string>> {
  const files = (await readdir(directory, { recursive: true, withFileTypes: true }))
    .filter(entry => entry.isFile())
    .map(entry => join(entry.parentPath, entry.name))
    .sort()
  const read = files.map(async file => [file.slice(directory.length), (await readFile(file)).toString('hex')])
  return Object.fromEntries(await Promise.all(read))
}

describe('an environment', () => {
  test('has the stacks of its size', async () => {
    expect((await assembly('dev')).stacks).toEqual([
      'cache',
      'database',
      'foundation',
      'monitoring',
      'recovery',
      'spend',
      'standby-foundation',
    ])
    for (const environment of ['staging', 'prod'] as const)
      expect((await assembly(environment)).stacks).toEqual([
        'cache',
        'database',
        'foundation',
        'monitoring',
        'recovery',
        'spend',
        'standby-database',
        'standby-foundation',
        'standby-monitoring',
        'standby-recovery',
      ])
  })

  test.each(ENVIRONMENTS)('%s asks for no context look-up', async environment => {
    const { directory } = await assembly(environment)
    const manifest = JSON.parse(await readFile(join(directory, 'manifest.json'), 'utf8'))
    expect(manifest.missing).toBeUndefined()
  })

  test('is byte-equal when it is synthesized twice', async () => {
    await synthesize('prod', join(folder, 'first'))
    await synthesize('prod', join(folder, 'second'))
    const [first, second] = [await bytes(join(folder, 'first')), await bytes(join(folder, 'second'))]
    expect(Object.keys(second)).toEqual(Object.keys(first))
    for (const [file, content] of Object.entries(first))
      expect([file, second[file] === content]).toEqual([file, true])
  })

  test('that nobody wrote is refused in a sentence and without a stack trace', async () => {
    const refused = synthesize('prood', join(folder, 'refused'))
    await expect(refused).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringContaining('HINT: use one of: dev, staging, prod'),
    })
    await expect(refused).rejects.toMatchObject({ stderr: expect.not.stringContaining('    at ') })
  })

  test.each(ENVIRONMENTS)('%s needs no stack that needs it', async environment => {
    const { directory } = await assembly(environment)
    const { artifacts } = JSON.parse(await readFile(join(directory, 'manifest.json'), 'utf8'))
    const needs = (name: string): string[] =>
      (artifacts[name].dependencies ?? []).filter(
        (other: string) => artifacts[other].type === 'aws:cloudformation:stack',
      )
    const visit = (name: string, path: readonly string[]): void => {
      expect(path).not.toContain(name)
      for (const other of needs(name)) visit(other, [...path, name])
    }
    for (const name of Object.keys(artifacts))
      if (artifacts[name].type === 'aws:cloudformation:stack') visit(name, [])
  })
})
