import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, describe, expect, test } from '@jest/globals'
import { ENVIRONMENTS, synthesize } from '../support/assembly.ts'

const run = promisify(execFile)
const folder = await mkdtemp(join(tmpdir(), 'holdfast-compliance-'))
afterAll(() => rm(folder, { recursive: true }))

describe('AwsSolutions, NIST 800-53 R5, HIPAA, PCI DSS and the rules of CloudFormation', () => {
  test.each(ENVIRONMENTS)(
    'find nothing in %s that is not acknowledged, and no remark is left',
    async environment => {
      expect(await synthesize(environment, join(folder, environment), { compliance: true })).toBe('')
    },
  )

  test('find every acknowledged thing: no row of the table has outlived its reason', async () => {
    const script = join(import.meta.dirname, '..', 'support', 'acknowledged.ts')
    const { stdout } = await run(process.execPath, [script, folder])
    expect(JSON.parse(stdout)).toEqual([])
  })
})
