import { createECDH, generateKeyPairSync, type KeyObject } from 'node:crypto'
import * as kms from '@aws-sdk/client-kms'
import { KMSClient } from '@aws-sdk/client-kms'
import * as rds from '@aws-sdk/client-rds'
import { type DBInstance, RDSClient, type Tag } from '@aws-sdk/client-rds'
import * as s3 from '@aws-sdk/client-s3'
import { S3Client } from '@aws-sdk/client-s3'
import { observe } from '../../../lambdas/restore-drill/observe.ts'
import type { Clients, Setting } from '../../../lambdas/restore-drill/setting.ts'
import { type Operation, type Service, WireError } from '../../../twin/wire/call.ts'
import { createFaults } from '../../../twin/wire/faults.ts'
import { listenerWith } from '../../support/wire.ts'

type Made = Partial<DBInstance>

type Stored = {
  readonly objects: Map<string, Buffer>
  /** Bytes that S3 lists, where they are not the object's. */
  readonly sizes: Map<string, number>
  /** The code with which S3 refuses to give an object out. */
  readonly refusals: Map<string, string>
}

/** What a restored copy does, look by look: the last status stays. */
export type Behaviour = {
  statuses: string[]
  defaults: boolean /** Changes that RDS refuses. */
  busy: number
}

/**
 * RDS, S3 and KMS as far as a drill's orchestration can tell them apart from the real ones, on the twin's wire:
 * no databases behind them, so that every way in which AWS fails can be played in milliseconds.
 */
export async function openCloud() {
  const instances = new Map<string, Made>()
  const objects = new Map<string, Buffer>()
  const stored: Stored = { objects, sizes: new Map(), refusals: new Map() }
  const behaviour: Behaviour = { statuses: ['creating', 'available'], defaults: false, busy: 0 }
  const deleted: string[] = []
  const faults = createFaults()
  const keys = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  instances.set('shop-prod', production())
  const listener = await listenerWith(
    [rdsService(instances, behaviour, deleted), s3Service(stored), kmsService(keys)],
    { faults },
  )
  const config = { ...listener.config('us-east-1') }
  const clients: Clients = {
    rds: observe(new RDSClient(config), 'rds'),
    s3: observe(new S3Client({ ...config, forcePathStyle: true }), 's3'),
    kms: observe(new KMSClient(config), 'kms'),
  }
  return {
    instances,
    ...stored,
    behaviour,
    deleted,
    faults,
    clients,
    async close() {
      for (const client of Object.values(clients)) client.destroy()
      await listener.close()
    },
  }
}

export type Cloud = Awaited<ReturnType<typeof openCloud>>

export const SETTING: Setting = {
  name: 'shop-prod',
  account: '111122223333',
  region: 'us-east-1',
  source: 'shop-prod',
  sourceRegion: 'us-east-1',
  reference: 'shop-prod',
  subnetGroup: 'shop-prod',
  securityGroup: 'sg-drill',
  parameterGroup: 'shop-prod-drill',
  instanceClass: 'db.r6g.large',
  database: 'app',
  examineArn: 'examine',
  evidenceBucket: 'evidence',
  evidenceKey: 'arn:aws:kms:us-east-1:111122223333:key/evidence',
  evidenceRetentionSeconds: 86_400,
  pollSeconds: 1,
  configDigest: 'digest',
  code: '0.1.0',
  where: 'twin',
}

function production(): Made {
  return {
    DBInstanceIdentifier: 'shop-prod',
    DBInstanceArn: 'arn:aws:rds:us-east-1:111122223333:db:shop-prod',
    DBInstanceStatus: 'available',
    DBInstanceClass: 'db.r6g.large',
    EngineVersion: '18.4',
    StorageEncrypted: true,
    KmsKeyId: 'arn:aws:kms:us-east-1:111122223333:key/data',
    StorageType: 'gp3',
    BackupRetentionPeriod: 14,
    DeletionProtection: true,
    LatestRestorableTime: new Date('2026-11-20T14:04:00Z'),
    Endpoint: { Address: 'shop-prod.test', Port: 5432 },
    TagList: [],
  }
}

function rdsService(instances: Map<string, Made>, behaviour: Behaviour, deleted: string[]): Service {
  const find = (name: string) => {
    const found = instances.get(name)
    if (!found) throw new WireError('DBInstanceNotFound', `DBInstance ${name} not found.`, 404)
    return found
  }
  let looks = 0
  const look = (made: Made) => {
    const { statuses } = behaviour
    if (made.DBInstanceIdentifier !== 'shop-prod' && made.DBInstanceStatus !== 'deleting')
      made.DBInstanceStatus = statuses[Math.min(looks++, statuses.length - 1)]
    else if (made.DBInstanceStatus === 'deleting') instances.delete(made.DBInstanceIdentifier ?? '')
    return made
  }
  const restore = operation((input: Record<string, unknown>) => {
    const name = String(input.TargetDBInstanceIdentifier ?? input.DBInstanceIdentifier)
    if (instances.has(name)) throw new WireError('DBInstanceAlreadyExists', 'DB instance already exists')
    looks = 0
    const made: Made = {
      ...production(),
      DBInstanceIdentifier: name,
      DBInstanceStatus: 'creating',
      DBInstanceClass: String(input.DBInstanceClass),
      DBSubnetGroup: { DBSubnetGroupName: String(input.DBSubnetGroupName) },
      VpcSecurityGroups: (input.VpcSecurityGroupIds as string[]).map(id => ({ VpcSecurityGroupId: id })),
      DBParameterGroups: [
        {
          DBParameterGroupName: behaviour.defaults
            ? 'default.postgres18'
            : String(input.DBParameterGroupName),
          ParameterApplyStatus: 'in-sync',
        },
      ],
      PubliclyAccessible: Boolean(input.PubliclyAccessible),
      DeletionProtection: Boolean(input.DeletionProtection),
      BackupRetentionPeriod: Number(input.BackupRetentionPeriod),
      IAMDatabaseAuthenticationEnabled: Boolean(input.EnableIAMDatabaseAuthentication),
      Endpoint: { Address: `${name}.test`, Port: 5432 },
      TagList: input.Tags as Tag[],
    }
    instances.set(name, made)
    return { DBInstance: made }
  })
  return {
    name: 'rds',
    schemas: rds,
    protocol: 'query',
    operations: {
      DescribeDBInstances: operation(({ DBInstanceIdentifier: name }: { DBInstanceIdentifier?: string }) => ({
        DBInstances: name === undefined ? [...instances.values()] : [look(find(name))],
      })),
      DescribeDBInstanceAutomatedBackups: operation(() => ({
        DBInstanceAutomatedBackups: [
          {
            DBInstanceIdentifier: 'shop-prod',
            Region: 'us-east-1',
            RestoreWindow: {
              EarliestTime: new Date('2026-11-10T00:00:00Z'),
              LatestTime: new Date('2026-11-20T14:04:00Z'),
            },
          },
        ],
      })),
      DescribeDBSnapshots: operation(() => ({ DBSnapshots: [] })),
      RestoreDBInstanceToPointInTime: restore,
      RestoreDBInstanceFromDBSnapshot: restore,
      ModifyDBInstance: operation(({ DBInstanceIdentifier: name }: { DBInstanceIdentifier: string }) => {
        if (behaviour.busy-- > 0)
          throw new WireError('InvalidDBInstanceState', 'Database instance is not in available state.')
        return { DBInstance: find(name) }
      }),
      DeleteDBInstance: operation(({ DBInstanceIdentifier: name }: { DBInstanceIdentifier: string }) => {
        const found = find(name)
        deleted.push(name)
        found.DBInstanceStatus = 'deleting'
        return { DBInstance: found }
      }),
    },
  }
}

function s3Service({ objects, sizes, refusals }: Stored): Service {
  return {
    name: 's3',
    schemas: s3,
    protocol: 'rest-xml',
    operations: {
      ListObjectsV2: operation(({ Prefix = '' }: { Prefix?: string }) => ({
        Contents: [...objects]
          .filter(([key]) => key.startsWith(Prefix))
          .map(([Key, body]) => ({ Key, Size: sizes.get(Key) ?? body.length })),
        IsTruncated: false,
      })),
      GetObject: operation(({ Key }: { Key: string }) => {
        const refusal = refusals.get(Key)
        if (refusal !== undefined)
          throw new WireError(refusal, 'The operation is not valid for this object', 403)
        return { Body: objects.get(Key) }
      }),
      HeadObject: operation(() => ({ VersionId: 'v1' })),
      PutObject: operation(
        async ({ Key, Body, IfNoneMatch }: { Key: string; Body: unknown; IfNoneMatch?: string }) => {
          if (IfNoneMatch === '*' && objects.has(Key))
            throw new WireError('PreconditionFailed', 'At least one of the pre-conditions did not hold', 412)
          objects.set(Key, await bytesOf(Body))
          return { ETag: '"x"' }
        },
      ),
    },
  }
}

async function bytesOf(body: unknown): Promise<Buffer> {
  if (body instanceof Uint8Array) return Buffer.from(body)
  const parts: Buffer[] = []
  for await (const part of body as AsyncIterable<Uint8Array>) parts.push(Buffer.from(part))
  return Buffer.concat(parts)
}

function kmsService(keys: { privateKey: KeyObject; publicKey: KeyObject }): Service {
  return {
    name: 'kms',
    schemas: kms,
    protocol: 'json1.1',
    operations: {
      Sign: operation(({ Message, KeyId }: { Message: Uint8Array; KeyId: string }) => ({
        KeyId,
        Signature: signDigest(keys.privateKey, Message),
      })),
      GetPublicKey: operation(() => ({ PublicKey: keys.publicKey.export({ type: 'spki', format: 'der' }) })),
    },
  }
}

const ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n

/** ECDSA over a hash that is already made, which node's own signing does not offer: P-256, DER. */
function signDigest(key: KeyObject, digest: Uint8Array): Buffer {
  const number = (bytes: Uint8Array) => BigInt(`0x${Buffer.from(bytes).toString('hex')}`)
  const secret = number(Buffer.from(key.export({ format: 'jwk' }).d ?? '', 'base64url'))
  const nonce = createECDH('prime256v1')
  nonce.generateKeys()
  const r = number(nonce.getPublicKey().subarray(1, 33)) % ORDER
  const s = (inverse(number(nonce.getPrivateKey())) * (number(digest) + r * secret)) % ORDER
  const integer = (value: bigint) => {
    // DER takes the shortest form only: a number that begins with a zero byte is no signature.
    const digits = value.toString(16)
    const bytes = Buffer.from(digits.padStart(digits.length + (digits.length % 2), '0'), 'hex')
    const positive = (bytes[0] ?? 0) > 127 ? Buffer.concat([Buffer.from([0]), bytes]) : bytes
    return Buffer.concat([Buffer.from([2, positive.length]), positive])
  }
  const body = Buffer.concat([integer(r), integer(s)])
  return Buffer.concat([Buffer.from([0x30, body.length]), body])
}

function inverse(value: bigint): bigint {
  let [power, base, result] = [ORDER - 2n, value % ORDER, 1n]
  for (; power > 0n; power >>= 1n) {
    if (power & 1n) result = (result * base) % ORDER
    base = (base * base) % ORDER
  }
  return result
}

function operation<I>(run: (input: I) => unknown): Operation {
  return { questions: () => [], run: run as Operation['run'] }
}
