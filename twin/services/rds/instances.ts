import { randomBytes } from 'node:crypto'
import type * as rdsTypes from '@aws-sdk/client-rds'
import { startCluster } from '../../postgres/cluster.ts'
import { createMaster } from '../../postgres/rights.ts'
import { createCluster } from '../../postgres/template.ts'
import { type Call, type Operation, WireError } from '../../wire/call.ts'
import { clusterFolder, startSettings } from './configuration.ts'
import { findInstance, type Rds, readIdentifier } from './context.ts'
import { deleteInstance } from './deleting.ts'
import { checkMasterUser, checkPassword } from './identifiers.ts'
import { claimIdentifier, make, recordNew, refuseForeign, shownFrom } from './making.ts'
import { modifyInstance } from './modifying.ts'
import { filter, page } from './paging.ts'
import { defaultGroupName, findParameterGroup } from './parameter-groups.ts'
import { rebootInstance, startInstance, stopInstance } from './power.ts'
import { askedContext, onGroups, onInstance } from './questions.ts'
import type { InstanceRecord } from './records.ts'
import { describeInstance } from './shape.ts'
import { findVersion } from './versions.ts'

const DEFAULT_STORAGE_GB = 20

async function createInstance(rds: Rds, input: rdsTypes.CreateDBInstanceMessage, call: Call) {
  const { region } = call
  refuseForeign(input)
  if (input.Engine !== 'postgres')
    throw new WireError('InvalidParameterValue', `Invalid DB engine: ${input.Engine}. The twin has postgres.`)
  const version = findVersion(input.EngineVersion)
  const id = claimIdentifier(rds, region, input.DBInstanceIdentifier)
  const user = input.MasterUsername
  if (user === undefined)
    throw new WireError(
      'InvalidParameterValue',
      'The parameter MasterUsername must be provided and must not be blank.',
    )
  checkMasterUser(user)
  const { password, secret } = await masterPassword(rds, region, id, input)
  const database = input.DBName
  if (
    database !== undefined &&
    (!/^[A-Za-z_]\w{0,62}$/.test(database) || /^(rdsadmin|template[01])$/i.test(database))
  )
    throw new WireError(
      'InvalidParameterValue',
      `DBName ${database} is not valid: it must begin with a letter or an underscore and contain only letters, digits and underscores.`,
    )
  if (input.KmsKeyId !== undefined && input.StorageEncrypted !== true)
    throw new WireError(
      'InvalidParameterCombination',
      'KmsKeyId can only be given for an encrypted instance.',
    )
  findParameterGroup(rds, region, input.DBParameterGroupName ?? defaultGroupName(version.major))
  const shown = shownFrom(region, input, {
    AllocatedStorage: DEFAULT_STORAGE_GB,
    BackupRetentionPeriod: 1,
    EngineVersion: version.name,
    MasterUsername: user,
    DBName: database,
    StorageEncrypted: input.StorageEncrypted ?? false,
    KmsKeyId: input.StorageEncrypted
      ? (input.KmsKeyId ?? `arn:aws:kms:${region}:${rds.options.account}:alias/aws/rds`)
      : undefined,
    ...(secret ? { MasterUserSecret: secret } : {}),
  })
  const record = recordNew(rds, region, id, { version: version.major, input, shown })
  make(
    rds,
    record,
    async made => {
      const dir = clusterFolder(rds, made.resourceId)
      await createCluster({ dir, version: made.version })
      const cluster = await startCluster({ dir, settings: startSettings(rds, made, made.applied.values) })
      try {
        await createMaster(cluster, { user, password, database })
      } catch (error) {
        await cluster.kill()
        throw error
      }
      return cluster
    },
    { event: 'RDS-EVENT-0005', category: 'creation', message: 'DB instance created' },
  )
  return { DBInstance: await describeInstance(rds, record) }
}

async function masterPassword(
  rds: Rds,
  region: string,
  instance: string,
  input: rdsTypes.CreateDBInstanceMessage,
) {
  if (!input.ManageMasterUserPassword) {
    const password = input.MasterUserPassword
    if (password === undefined)
      throw new WireError(
        'InvalidParameterValue',
        'The parameter MasterUserPassword must be provided and must not be blank.',
      )
    checkPassword(password)
    return { password, secret: undefined }
  }
  if (input.MasterUserPassword !== undefined)
    throw new WireError(
      'InvalidParameterCombination',
      "You can't specify MasterUserPassword when you use ManageMasterUserPassword.",
    )
  const { keepMasterSecret } = rds.options
  if (!keepMasterSecret)
    throw new WireError(
      'InvalidParameterCombination',
      'ManageMasterUserPassword needs Secrets Manager, which this twin does not have.',
    )
  const password = randomBytes(24).toString('base64url')
  const value = JSON.stringify({ username: input.MasterUsername, password })
  const SecretArn = await keepMasterSecret({
    region,
    instance,
    resourceId: instance,
    kmsKeyId: input.MasterUserSecretKmsKeyId,
    value,
  })
  return { password, secret: { SecretArn, SecretStatus: 'active', KmsKeyId: input.MasterUserSecretKmsKeyId } }
}

async function describeInstances(rds: Rds, input: rdsTypes.DescribeDBInstancesMessage, call: Call) {
  const all = input.DBInstanceIdentifier
    ? [findInstance(rds, call.region, input.DBInstanceIdentifier)]
    : rds.instances
        .values()
        .filter(each => each.region === call.region)
        .sort((a, b) => (a.id < b.id ? -1 : 1))
  const chosen = filter<InstanceRecord>(all, input.Filters?.map(unwrapArns), {
    'db-instance-id': each => [each.id],
    'dbi-resource-id': each => [each.resourceId],
    'db-cluster-id': () => [],
    domain: () => [],
    engine: () => ['postgres'],
  })
  const { items, Marker } = page(chosen, input, each => each.id)
  return { DBInstances: await Promise.all(items.map(each => describeInstance(rds, each))), Marker }
}

/** `db-instance-id` takes ARNs as well as names. */
const unwrapArns = (each: rdsTypes.Filter): rdsTypes.Filter =>
  each.Name === 'db-instance-id'
    ? {
        ...each,
        Values: each.Values?.map(value =>
          value.startsWith('arn:') ? readIdentifier('', value, 'db').name : value,
        ),
      }
    : each

/** Instances: making, describing, changing, restarting, deleting. */
export function instanceOperations(rds: Rds): Record<string, Operation> {
  const on = (action: string) => (input: { DBInstanceIdentifier?: string }, call: Call) =>
    onInstance(rds, action, call.region, input.DBInstanceIdentifier)
  return {
    CreateDBInstance: {
      questions: (input: rdsTypes.CreateDBInstanceMessage, call) => {
        const { major } = findVersion(input.EngineVersion)
        return [
          ...onInstance(rds, 'CreateDBInstance', call.region, input.DBInstanceIdentifier, {
            tags: input.Tags,
            context: {
              'rds:DatabaseClass': input.DBInstanceClass ?? '',
              'rds:DatabaseEngine': input.Engine ?? '',
              'rds:StorageEncrypted': String(input.StorageEncrypted ?? false),
              'rds:MultiAz': String(input.MultiAZ ?? false),
            },
          }),
          ...onGroups(rds, 'CreateDBInstance', call.region, {
            parameterGroup: input.DBParameterGroupName ?? defaultGroupName(major),
            subnetGroup: input.DBSubnetGroupName ?? 'default',
            major,
          }),
        ]
      },
      run: (input: rdsTypes.CreateDBInstanceMessage, call) => createInstance(rds, input, call),
    },
    DescribeDBInstances: {
      questions: on('DescribeDBInstances'),
      run: (input: rdsTypes.DescribeDBInstancesMessage, call) => describeInstances(rds, input, call),
    },
    ModifyDBInstance: {
      questions: (input: rdsTypes.ModifyDBInstanceMessage, call) => [
        ...onInstance(rds, 'ModifyDBInstance', call.region, input.DBInstanceIdentifier, {
          context: askedContext(input),
        }),
        ...(input.DBParameterGroupName
          ? onGroups(rds, 'ModifyDBInstance', call.region, {
              parameterGroup: input.DBParameterGroupName,
              subnetGroup: 'default',
              major: 18,
            }).slice(0, 1)
          : []),
      ],
      run: async (input: rdsTypes.ModifyDBInstanceMessage, call) => {
        refuseForeign(input)
        return { DBInstance: await describeInstance(rds, await modifyInstance(rds, input, call)) }
      },
    },
    DeleteDBInstance: {
      questions: (input: rdsTypes.DeleteDBInstanceMessage, call) => [
        ...onInstance(rds, 'DeleteDBInstance', call.region, input.DBInstanceIdentifier),
      ],
      run: async (input: rdsTypes.DeleteDBInstanceMessage, call) => ({
        DBInstance: await describeInstance(rds, deleteInstance(rds, input, call)),
      }),
    },
    RebootDBInstance: {
      questions: on('RebootDBInstance'),
      run: async (input: rdsTypes.RebootDBInstanceMessage, call) => ({
        DBInstance: await describeInstance(rds, rebootInstance(rds, input, call)),
      }),
    },
    StopDBInstance: {
      questions: on('StopDBInstance'),
      run: async (input: rdsTypes.StopDBInstanceMessage, call) => ({
        DBInstance: await describeInstance(rds, stopInstance(rds, input, call)),
      }),
    },
    StartDBInstance: {
      questions: on('StartDBInstance'),
      run: async (input: rdsTypes.StartDBInstanceMessage, call) => ({
        DBInstance: await describeInstance(rds, startInstance(rds, input, call)),
      }),
    },
  }
}
