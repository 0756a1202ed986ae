import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { TemplateRules } from '../../lib/template-rules.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-template-rules-'))
})
afterAll(() => rm(folder, { recursive: true }))

const topic = (properties: object) =>
  JSON.stringify({ Resources: { It: { Type: 'AWS::SNS::Topic', Properties: properties } } })
const WRONG = topic({ NoSuchProperty: true })
const RIGHT = topic({ TopicName: 'right' })

/** What the rules say about one template each under `directory`, with their memory in a folder of that name. */
async function judge(memory: string, directory: string, templates: readonly string[], region = 'us-east-1') {
  const paths = templates.map((_, index) => join(folder, `${directory}-${index}.template.json`))
  for (const [index, path] of paths.entries()) await writeFile(path, templates[index] ?? '')
  const stackTemplates = paths.map((templatePath, index) => ({
    templatePath,
    stackConstructPath: `stack-${index}`,
    accountId: '111111111111',
    region,
  }))
  const report = new TemplateRules(join(folder, memory)).validate({
    stackTemplates,
    templatePaths: paths,
  } as Parameters<TemplateRules['validate']>[0])
  const found = report.violations.flatMap(({ severity, violatingResources }) =>
    violatingResources.map(({ resourceLogicalId, templatePath }) => [
      severity,
      resourceLogicalId,
      templatePath,
    ]),
  )
  return { success: report.success, found }
}

const written = async (memory: string) =>
  Promise.all(
    (await readdir(join(folder, memory))).map(
      async name => [name, (await stat(join(folder, memory, name))).ino] as const,
    ),
  )

test('a fault is found in the template that has it, and found again where it is not judged again', async () => {
  const first = await judge('one', 'a', [RIGHT, WRONG])
  expect(first).toEqual({
    success: false,
    found: [['error', 'It', join(folder, 'a-1.template.json')]],
  })
  const kept = await written('one')
  expect(kept).toHaveLength(2)
  // The same templates, written elsewhere: the same finding, in the new place, and nothing was judged.
  const second = await judge('one', 'b', [RIGHT, WRONG])
  expect(second).toEqual({
    success: false,
    found: [['error', 'It', join(folder, 'b-1.template.json')]],
  })
  expect(await written('one')).toEqual(kept)
})

test('a template that changed is judged anew', async () => {
  expect((await judge('two', 'c', [RIGHT])).success).toBe(true)
  expect((await judge('two', 'c', [WRONG])).success).toBe(false)
  expect((await judge('two', 'c', [RIGHT])).success).toBe(true)
  expect(await written('two')).toHaveLength(2)
})

test('the same template in another region is judged for that region', async () => {
  await judge('three', 'd', [RIGHT], 'us-east-1')
  await judge('three', 'd', [RIGHT], 'us-west-2')
  expect(await written('three')).toHaveLength(2)
})
