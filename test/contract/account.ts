import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CloudWatchClient } from '@aws-sdk/client-cloudwatch'
import { KMSClient } from '@aws-sdk/client-kms'
import { S3Client } from '@aws-sdk/client-s3'
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager'
import { SNSClient } from '@aws-sdk/client-sns'
import { SSMClient } from '@aws-sdk/client-ssm'
import { GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts'
import { createIdentities, type Identity } from '../../twin/iam/identities.ts'
import { createRoles } from '../../twin/iam/roles.ts'
import { createCloudWatch } from '../../twin/services/cloudwatch/service.ts'
import { createIam } from '../../twin/services/iam/service.ts'
import { createKms } from '../../twin/services/kms/service.ts'
import { createLogs } from '../../twin/services/logs/service.ts'
import { createRoute53 } from '../../twin/services/route53/service.ts'
import { createS3 } from '../../twin/services/s3/service.ts'
import { createSecretsManager } from '../../twin/services/secretsmanager/service.ts'
import { createSns } from '../../twin/services/sns/service.ts'
import { createSsm } from '../../twin/services/ssm/service.ts'
import { createSts } from '../../twin/services/sts/service.ts'
import { openCollection } from '../../twin/state/collection.ts'
import type { Service } from '../../twin/wire/call.ts'
import { startListener } from '../../twin/wire/listener.ts'

/** An account to try the small services in: the twin's, or with `HOLDFAST_TARGET=aws` a real one, credentials from the environment. */
export type Account = {
  readonly id: string
  readonly region: string
  /** A name that no other run has. */
  readonly unique: string
  readonly s3: S3Client
  readonly kms: KMSClient
  readonly secrets: SecretsManagerClient
  readonly sns: SNSClient
  readonly cloudwatch: CloudWatchClient
  readonly ssm: SSMClient
  /** The twin's services and endpoint; undefined on AWS. */
  readonly twin?: {
    readonly services: readonly Service[]
    readonly url: string
    readonly config: object
    tick(): void
  }
  close(): Promise<void>
}

const ACCOUNT = '111122223333'

function clientsOf(config: object) {
  return {
    s3: new S3Client({ ...config, forcePathStyle: true }),
    kms: new KMSClient(config),
    secrets: new SecretsManagerClient(config),
    sns: new SNSClient(config),
    cloudwatch: new CloudWatchClient(config),
    ssm: new SSMClient(config),
  }
}

const destroy = (clients: ReturnType<typeof clientsOf>) => {
  for (const client of Object.values(clients)) client.destroy()
}

const unique = () =>
  `holdfast-contract-${Date.now().toString(36)}-${Math.floor(Math.random() * 1e6).toString(36)}`

/** Opens the account of this run. */
export async function openAccount(): Promise<Account> {
  return process.env.HOLDFAST_TARGET === 'aws' ? openAws() : openTwin()
}

async function openAws(): Promise<Account> {
  const region = process.env.AWS_REGION ?? 'us-east-1'
  const clients = clientsOf({ region })
  const sts = new STSClient({ region })
  const { Account: id = '' } = await sts.send(new GetCallerIdentityCommand({}))
  sts.destroy()
  return { id, region, unique: unique(), ...clients, close: async () => destroy(clients) }
}

function createServices(dir: string) {
  const clock = Date.now
  const base = (name: string) => ({
    account: ACCOUNT,
    clock,
    open: <T>(collection: string) => openCollection<T>(join(dir, name, `${collection}.json`)),
    dir: join(dir, name),
  })
  const identities = createIdentities({ account: ACCOUNT, store: base('iam').open<Identity>('identities') })
  const roles = createRoles(base('iam').open('roles'), base('iam').open('managed'))
  const kms = createKms(base('kms'))
  const sealing = {
    encrypt: kms.encrypt,
    decrypt: kms.decrypt,
    keyArn: (reference: string, region: string) => kms.findKey(reference, region).arn,
  }
  const allowed = { may: () => true, allowsRole: () => true, isReachable: () => true }
  const s3 = createS3({ ...base('s3'), ...allowed, findKey: kms.findKey })
  const sns = createSns({
    ...base('sns'),
    assertKeyUsable: (reference, region) => kms.findKey(reference, region).assertUsable(),
  })
  const cloudwatch = createCloudWatch({
    ...base('cloudwatch'),
    act: async ({ actionArn, subject, message }) => {
      await sns.publish(actionArn, { subject, body: message })
    },
  })
  const services = [
    s3.service,
    kms.service,
    sns.service,
    cloudwatch.service,
    createSecretsManager({ ...base('secrets'), ...sealing, ...allowed }).service,
    createSsm({ ...base('ssm'), ...sealing }),
    createSts({ account: ACCOUNT, clock, identities, roles }),
    createIam({ account: ACCOUNT, roles }),
    createLogs(base('logs')).service,
    createRoute53(base('route53')).service,
  ]
  return { services, identities, cloudwatch, s3 }
}

async function openTwin(): Promise<Account> {
  const dir = mkdtempSync(join(tmpdir(), 'holdfast-account-'))
  const { services, identities, cloudwatch, s3 } = createServices(dir)
  const bugs: unknown[] = []
  const listener = await startListener({
    services,
    account: ACCOUNT,
    identities,
    authorize: () => {},
    onBug: error => bugs.push(error),
  })
  const { principal, secretAccessKey } = identities.root()
  const region = 'us-east-1'
  const credentials = { accessKeyId: principal.accessKeyId, secretAccessKey }
  const config = { endpoint: listener.url, region, credentials, maxAttempts: 1 }
  const clients = clientsOf(config)
  return {
    id: ACCOUNT,
    region,
    unique: unique(),
    ...clients,
    twin: { services, url: listener.url, config, tick: () => cloudwatch.tick() },
    close: async () => {
      destroy(clients)
      await listener.close()
      s3.close()
      rmSync(dir, { recursive: true, force: true })
      if (bugs.length > 0) throw bugs[0]
    },
  }
}
