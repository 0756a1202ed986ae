import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from '@jest/globals'
import { App, Stack } from 'aws-cdk-lib'
import { Template } from 'aws-cdk-lib/assertions'
import { loadEnvironment } from '../../config/environments.ts'
import { VAULT_STARTS } from '../../config/rules/time.ts'
import { createBackupPlan } from '../../lib/backup-plan.ts'

const outdir = mkdtempSync(join(tmpdir(), 'holdfast-vault-'))
afterAll(() => rmSync(outdir, { recursive: true }))

test('keeps windows away from the hours at which the vault really starts', () => {
  const stack = new Stack(new App({ outdir, builtinCloudFormationValidation: false }), 'S')
  createBackupPlan(stack, loadEnvironment('prod'))
  const [plan] = Object.values(Template.fromStack(stack).findResources('AWS::Backup::BackupPlan'))
  const hours = plan?.Properties.BackupPlan.BackupPlanRule.flatMap((rule: { ScheduleExpression: string }) =>
    /^cron\(0 ([\d,]+) \* \* \? \*\)$/.exec(rule.ScheduleExpression)?.[1]?.split(',').map(Number),
  )
  expect(hours.toSorted((a: number, b: number) => a - b)).toEqual(VAULT_STARTS.map(minutes => minutes / 60))
})
