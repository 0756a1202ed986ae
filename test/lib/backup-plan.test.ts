import { describe, expect, test } from '@jest/globals'
import { assembly } from '../support/assembly.ts'

const prod = await assembly('prod')

describe('the backup plan', () => {
  const rules = prod.only('database', 'AWS::Backup::BackupPlan').Properties.BackupPlan.BackupPlanRule

  test('takes a recovery point at 02:00 and every six hours after it', () => {
    expect(rules.map((rule: { ScheduleExpression: string }) => rule.ScheduleExpression)).toEqual([
      'cron(0 2 * * ? *)',
      'cron(0 8,14,20 * * ? *)',
    ])
  })

  test('gives each an hour to begin and ten to end', () => {
    for (const rule of rules) {
      expect(rule.StartWindowMinutes).toBe(60)
      expect(rule.CompletionWindowMinutes).toBe(600)
    }
  })

  test('keeps each thirty days here and in the locked vault of the other region', () => {
    for (const rule of rules) {
      expect(rule.Lifecycle).toEqual({ DeleteAfterDays: 30 })
      expect(rule.CopyActions).toEqual([
        {
          DestinationBackupVaultArn: 'arn:aws:backup:us-west-2:111111111111:backup-vault:shop-prod',
          Lifecycle: { DeleteAfterDays: 30 },
        },
      ])
    }
  })

  // Continuous recovery points would take retention over, and deleting one restarts the database.
  test('takes snapshots, never continuous backups, of the primary and nothing else', () => {
    for (const rule of rules) expect(rule.EnableContinuousBackup).toBe(false)
    expect(
      prod.only('database', 'AWS::Backup::BackupSelection').Properties.BackupSelection.Resources,
    ).toEqual(['arn:aws:rds:us-east-1:111111111111:db:shop-prod'])
  })
})
