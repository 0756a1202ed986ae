import { BackupClient, CreateBackupVaultCommand } from '@aws-sdk/client-backup'
import {
  CancelKeyDeletionCommand,
  CreateAliasCommand,
  CreateKeyCommand,
  DisableKeyCommand,
  DisableKeyRotationCommand,
  EnableKeyCommand,
  EnableKeyRotationCommand,
  KMSClient,
  ScheduleKeyDeletionCommand,
} from '@aws-sdk/client-kms'
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals'
import { parseExpectations } from '../../../lambdas/backup-verification/request.ts'
import { verifyBackups } from '../../../lambdas/backup-verification/verify.ts'
import { type BackupService, createBackup } from '../../../twin/services/backup/service.ts'
import { createKms } from '../../../twin/services/kms/service.ts'
import { workbench } from '../../support/services.ts'
import { listenerWith } from '../../support/wire.ts'

const REGION = 'us-west-2'
const NOW = Date.parse('2026-11-20T15:00:00Z')
const before = { ...process.env }

let bench: ReturnType<typeof workbench>
let vaults: BackupService
let twin: Awaited<ReturnType<typeof listenerWith>>
let kms: KMSClient
let backup: BackupClient
let number = 0
let name = ''
let data = ''
let signing = ''

beforeAll(async () => {
  bench = workbench('2026-11-20T15:00:00Z')
  const snapshot = async () => ({ arn: `arn:aws:rds:${REGION}:111122223333:snapshot:one`, bytes: 1 })
  vaults = createBackup({
    ...bench.dependencies('backup'),
    report: () => {},
    snapshots: { take: snapshot, copy: snapshot, remove: async () => {} },
  })
  twin = await listenerWith([createKms(bench.dependencies('kms')).service, vaults.service])
  kms = new KMSClient(twin.config(REGION))
  backup = new BackupClient(twin.config(REGION))
  const { principal, secretAccessKey } = twin.identities.root()
  Object.assign(process.env, {
    AWS_ENDPOINT_URL: twin.url,
    AWS_ACCESS_KEY_ID: principal.accessKeyId,
    AWS_SECRET_ACCESS_KEY: secretAccessKey,
  })
})

afterAll(async () => {
  process.env = before
  kms.destroy()
  backup.destroy()
  await vaults.close()
  await twin.close()
  bench.remove()
  expect(twin.bugs).toEqual([])
})

async function makeKey(alias: string, input: object = {}): Promise<string> {
  const { KeyMetadata } = await kms.send(new CreateKeyCommand(input))
  const arn = KeyMetadata?.Arn ?? ''
  await kms.send(new CreateAliasCommand({ AliasName: alias, TargetKeyId: arn }))
  return arn
}

beforeEach(async () => {
  name = `shop-${++number}`
  data = await makeKey(`alias/${name}`)
  signing = await makeKey(`alias/${name}-evidence`, { KeySpec: 'ECC_NIST_P256', KeyUsage: 'SIGN_VERIFY' })
  await kms.send(new EnableKeyRotationCommand({ KeyId: data, RotationPeriodInDays: 365 }))
  await backup.send(new CreateBackupVaultCommand({ BackupVaultName: name, EncryptionKeyArn: data }))
})

/** What did not pass of the keys: the name of each check, with its verdict. */
async function wrong() {
  const expectations = parseExpectations({
    regions: [
      {
        region: REGION,
        key: `alias/${name}`,
        vaults: [{ name, source: name }],
        keys: [{ key: `alias/${name}`, rotatesWithinDays: 365 }, { key: `alias/${name}-evidence` }],
      },
    ],
  })
  const { checks } = await verifyBackups(expectations, NOW)
  const asked = checks.filter(check => check.name !== 'vault.recovery-point')
  expect(asked).toHaveLength(5)
  return Object.fromEntries(
    asked
      .filter(({ verdict }) => verdict !== 'pass')
      .map(check => [`${check.name} ${check.subject}`, `${check.verdict}: ${check.detail}`]),
  )
}

test('keys that are enabled, stay and rotate as promised pass', async () => {
  expect(await wrong()).toEqual({})
})

test('a key that waits for its deletion fails with the day, in the vault that it encrypts too', async () => {
  await kms.send(new ScheduleKeyDeletionCommand({ KeyId: data, PendingWindowInDays: 7 }))
  const sentence = `fail: ${data} is PendingDeletion and is deleted on 2026-11-27T15:00:00.000Z: without it nothing can be read or signed`
  expect(await wrong()).toEqual({
    [`key.enabled alias/${name}`]: sentence,
    [`vault.key-enabled ${name}`]: sentence,
  })
  // What was stopped from being deleted is disabled until somebody enables it.
  await kms.send(new CancelKeyDeletionCommand({ KeyId: data }))
  expect(Object.keys(await wrong())).toEqual([`vault.key-enabled ${name}`, `key.enabled alias/${name}`])
  await kms.send(new EnableKeyCommand({ KeyId: data }))
  expect(await wrong()).toEqual({})
})

test('a disabled signing key fails', async () => {
  await kms.send(new DisableKeyCommand({ KeyId: signing }))
  expect(await wrong()).toEqual({
    [`key.enabled alias/${name}-evidence`]: `fail: ${signing} is Disabled: without it nothing can be read or signed`,
  })
})

test('a key that no longer rotates, or too seldom, fails', async () => {
  await kms.send(new EnableKeyRotationCommand({ KeyId: data, RotationPeriodInDays: 400 }))
  expect(await wrong()).toEqual({
    [`key.rotating alias/${name}`]: 'fail: it rotates every 400 days, 365 are configured',
  })
  await kms.send(new DisableKeyRotationCommand({ KeyId: data }))
  expect(await wrong()).toEqual({ [`key.rotating alias/${name}`]: 'fail: it does not rotate' })
})

test("a vault under another key than the region's fails, and a key that nobody finds is unknown", async () => {
  const own = name
  name = `shop-${++number}`
  await makeKey(`alias/${name}-evidence`)
  const theirs = await makeKey(`alias/${name}`)
  await kms.send(new EnableKeyRotationCommand({ KeyId: theirs }))
  await backup.send(new CreateBackupVaultCommand({ BackupVaultName: name, EncryptionKeyArn: data }))
  expect(await wrong()).toEqual({
    [`vault.encrypted ${name}`]: `fail: ${name} is encrypted with ${data}, not ${theirs}`,
  })
  const { checks } = await verifyBackups(
    parseExpectations({
      regions: [
        { region: REGION, key: `alias/${own}`, keys: [{ key: 'alias/nobody', rotatesWithinDays: 365 }] },
      ],
    }),
    NOW,
  )
  expect(checks.map(({ verdict }) => verdict)).toEqual(['unknown', 'unknown'])
})
