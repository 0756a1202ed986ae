import * as backup from '@aws-sdk/client-backup'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { type BackupService, createBackup } from '../../../twin/services/backup/service.ts'
import { code, workbench } from '../../support/services.ts'
import { listenerWith } from '../../support/wire.ts'

const bench = workbench()
const removed: string[] = []
const reports: string[] = []
let takenBefore = 0
let vaults: BackupService
let twin: Awaited<ReturnType<typeof listenerWith>>
const clients: { destroy(): void }[] = []
const made = <T extends { destroy(): void }>(client: T): T => {
  clients.push(client)
  return client
}

beforeAll(async () => {
  vaults = createBackup({
    ...bench.dependencies('backup'),
    report: text => reports.push(text),
    snapshots: {
      take: async (resource, name) => {
        if (resource.endsWith('none')) throw new Error('there is no such database')
        takenBefore++
        return { arn: `arn:aws:rds:eu-west-1:111122223333:snapshot:${name}`, bytes: 100 }
      },
      copy: async (_, region, __, name) => ({
        arn: `arn:aws:rds:${region}:111122223333:snapshot:${name}`,
        bytes: 100,
      }),
      remove: async arn => {
        removed.push(arn)
      },
    },
  })
  twin = await listenerWith([vaults.service])
})

afterAll(async () => {
  for (const client of clients) client.destroy()
  await vaults.close()
  await twin.close()
  bench.remove()
  expect(twin.bugs).toEqual([])
  expect(reports).toEqual([])
})

describe('a locked vault', () => {
  test('takes backups and their copies, and gives none up before its time', async () => {
    const client = made(new backup.BackupClient(twin.config()))
    const there = made(new backup.BackupClient(twin.config('eu-central-1')))
    await client.send(
      new backup.CreateBackupVaultCommand({ BackupVaultName: 'shop', EncryptionKeyArn: 'arn:aws:kms:x' }),
    )
    await there.send(new backup.CreateBackupVaultCommand({ BackupVaultName: 'shop' }))
    await client.send(
      new backup.PutBackupVaultLockConfigurationCommand({
        BackupVaultName: 'shop',
        MinRetentionDays: 7,
        MaxRetentionDays: 35,
        ChangeableForDays: 3,
      }),
    )
    const at = {
      BackupVaultName: 'shop',
      IamRoleArn: 'arn:aws:iam::111122223333:role/backup',
      ResourceArn: 'arn:aws:rds:eu-west-1:111122223333:db:shop',
    }
    const start = (DeleteAfterDays: number, rest: object = {}) =>
      client.send(new backup.StartBackupJobCommand({ ...at, Lifecycle: { DeleteAfterDays }, ...rest }))
    expect(await code(start(1))).toBe('InvalidParameterValueException')
    const { BackupJobId } = await start(7)
    await vaults.settle()
    const job = await client.send(new backup.DescribeBackupJobCommand({ BackupJobId }))
    expect(job.State).toBe('COMPLETED')
    expect(takenBefore).toBe(1)
    const { RecoveryPoints } = await client.send(
      new backup.ListRecoveryPointsByBackupVaultCommand({ BackupVaultName: 'shop' }),
    )
    expect(RecoveryPoints).toMatchObject([
      {
        RecoveryPointArn: `arn:aws:rds:eu-west-1:111122223333:snapshot:awsbackup:job-${BackupJobId}`,
        ResourceArn: at.ResourceArn,
        CalculatedLifecycle: { DeleteAt: new Date('2026-11-27T10:00:00Z') },
      },
    ])
    const RecoveryPointArn = RecoveryPoints![0]!.RecoveryPointArn!
    await client.send(
      new backup.StartCopyJobCommand({
        RecoveryPointArn,
        SourceBackupVaultName: 'shop',
        DestinationBackupVaultArn: 'arn:aws:backup:eu-central-1:111122223333:backup-vault:shop',
        IamRoleArn: at.IamRoleArn,
      }),
    )
    await vaults.settle()
    expect(
      await there.send(new backup.DescribeBackupVaultCommand({ BackupVaultName: 'shop' })),
    ).toMatchObject({
      NumberOfRecoveryPoints: 1,
      Locked: false,
    })
    const remove = () =>
      code(client.send(new backup.DeleteRecoveryPointCommand({ BackupVaultName: 'shop', RecoveryPointArn })))
    expect(await remove()).toBe('InvalidRequestException')
    bench.time.now += 4 * 86_400_000
    const unlock = new backup.DeleteBackupVaultLockConfigurationCommand({ BackupVaultName: 'shop' })
    expect(await code(client.send(unlock))).toBe('InvalidRequestException')
    bench.time.now += 4 * 86_400_000
    expect(await remove()).toBe('no error')
    expect(removed).toEqual([RecoveryPointArn])
  })

  test('says why a job failed', async () => {
    const client = made(new backup.BackupClient(twin.config('eu-central-1')))
    const { BackupJobId } = await client.send(
      new backup.StartBackupJobCommand({ BackupVaultName: 'shop', IamRoleArn: 'r', ResourceArn: 'arn:none' }),
    )
    await vaults.settle()
    expect(await client.send(new backup.DescribeBackupJobCommand({ BackupJobId }))).toMatchObject({
      State: 'FAILED',
      StatusMessage: 'there is no such database',
    })
  })
})

describe('a plan', () => {
  const DAY_MS = 86_400_000
  const database = 'arn:aws:rds:eu-west-1:111122223333:db:shop'
  const rule = {
    RuleName: 'daily',
    TargetBackupVaultName: 'planned',
    ScheduleExpression: 'cron(0 2 * * ? *)',
    ScheduleExpressionTimezone: 'Etc/UTC',
    Lifecycle: { DeleteAfterDays: 2 },
    CopyActions: [
      {
        DestinationBackupVaultArn: 'arn:aws:backup:eu-central-1:111122223333:backup-vault:planned',
        Lifecycle: { DeleteAfterDays: 5 },
      },
    ],
  }
  const client = () => made(new backup.BackupClient(twin.config()))
  const there = () => made(new backup.BackupClient(twin.config('eu-central-1')))
  const points = async (from: backup.BackupClient) =>
    (await from.send(new backup.ListRecoveryPointsByBackupVaultCommand({ BackupVaultName: 'planned' })))
      .RecoveryPoints ?? []
  const plan = (changes: object = {}) =>
    new backup.CreateBackupPlanCommand({
      BackupPlan: { BackupPlanName: 'shop', Rules: [{ ...rule, ...changes }] },
    })
  const select = (BackupPlanId: string | undefined, selection: object) =>
    new backup.CreateBackupSelectionCommand({
      BackupPlanId,
      BackupSelection: {
        SelectionName: 'shop',
        IamRoleArn: 'arn:aws:iam::111122223333:role/b',
        ...selection,
      },
    })
  const to = (time: string) => {
    bench.time.now = Date.parse(time)
    vaults.plans.rearm()
  }
  const until = async (condition: () => Promise<boolean>) => {
    while (!(await condition())) await new Promise(resolve => setTimeout(resolve, 10))
  }

  test('runs when its hour comes, copies into the other region, and lets go what is too old', async () => {
    bench.time.now = Date.parse('2026-12-01T01:00:00Z')
    for (const each of [client(), there()])
      await each.send(new backup.CreateBackupVaultCommand({ BackupVaultName: 'planned' }))
    const { BackupPlanId } = await client().send(plan())
    await client().send(select(BackupPlanId, { Resources: [database] }))
    vaults.plans.resume()
    expect(vaults.plans.rules()).toMatchObject([
      { name: 'shop/daily', region: 'eu-west-1', next: Date.parse('2026-12-01T02:00:00Z') },
    ])
    to('2026-12-01T02:00:01Z')
    await until(async () => (await points(there())).length === 1)
    expect(await points(client())).toMatchObject([
      {
        ResourceArn: database,
        CreationDate: new Date('2026-12-01T02:00:01Z'),
        CalculatedLifecycle: { DeleteAt: new Date('2026-12-03T02:00:01Z') },
      },
    ])
    expect(await points(there())).toMatchObject([
      {
        ResourceArn: database,
        CalculatedLifecycle: { DeleteAt: new Date('2026-12-06T02:00:01Z') },
        SourceBackupVaultArn: 'arn:aws:backup:eu-west-1:111122223333:backup-vault:planned',
      },
    ])
    to('2026-12-02T02:00:01Z')
    await until(async () => (await points(there())).length === 2)
    bench.time.now = Date.parse('2026-12-01T02:00:01Z') + 2 * DAY_MS
    const [, old] = await points(client())
    await vaults.expire()
    expect(removed.at(-1)).toBe(old!.RecoveryPointArn)
    expect(await points(client())).toHaveLength(1)
    expect(await points(there())).toHaveLength(2)
  })

  test('starts nothing while it is paused, and nothing once it is deleted', async () => {
    vaults.plans.pause()
    const before = takenBefore
    to('2026-12-10T02:00:01Z')
    vaults.plans.resume()
    expect(vaults.plans.rules()).toMatchObject([{ next: Date.parse('2026-12-11T02:00:00Z') }])
    const { BackupPlansList } = await client().send(new backup.ListBackupPlansCommand({}))
    await client().send(
      new backup.DeleteBackupPlanCommand({ BackupPlanId: BackupPlansList![0]!.BackupPlanId }),
    )
    // Another plan, due at the same time, shows that the moment has passed.
    const { BackupPlanId } = await client().send(plan({ CopyActions: [] }))
    await client().send(select(BackupPlanId, { Resources: [database] }))
    to('2026-12-11T02:00:01Z')
    await until(async () => takenBefore > before)
    await vaults.settle()
    expect(takenBefore).toBe(before + 1)
  })

  test('is refused with an hour or a selection that cannot be kept', async () => {
    expect(await code(client().send(plan({ ScheduleExpression: 'every day' })))).toBe(
      'InvalidParameterValueException',
    )
    expect(await code(client().send(plan({ ScheduleExpression: 'rate(1 day)' })))).toBe(
      'InvalidParameterValueException',
    )
    const { BackupPlanId } = await client().send(plan())
    for (const selection of [
      { Resources: ['*'] },
      {
        Resources: [],
        ListOfTags: [{ ConditionType: 'STRINGEQUALS', ConditionKey: 'a', ConditionValue: 'b' }],
      },
    ])
      expect(await code(client().send(select(BackupPlanId, selection)))).toBe(
        'InvalidParameterValueException',
      )
  })

  test('that was cut off has failed when the twin comes again', async () => {
    const jobs = bench.dependencies('backup').open<{ state: string; id: string; kind: string }>('jobs')
    jobs.set('cut', { ...jobs.values()[0]!, id: 'cut', kind: 'backup', state: 'RUNNING' })
    const again = createBackup({
      ...bench.dependencies('backup'),
      report: text => reports.push(text),
      snapshots: { take: never, copy: never, remove: never },
    })
    const second = await listenerWith([again.service])
    const asked = made(new backup.BackupClient(second.config()))
    expect(await asked.send(new backup.DescribeBackupJobCommand({ BackupJobId: 'cut' }))).toMatchObject({
      State: 'FAILED',
      StatusMessage: 'the twin ended before the job did',
    })
    await again.close()
    await second.close()
  })
})

async function never(): Promise<never> {
  throw new Error('not asked')
}
