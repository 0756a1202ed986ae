import type { DBInstance } from '@aws-sdk/client-rds'
import { type Desired, keep, type Physical, type Provisioner, tagList } from '../provisioner.ts'
import { type Api, amount, createOrAdopt, flag, given } from './api.ts'

/** Secrets, the attachment of one to its database, and SSM parameters. */
export function secretProvisioners(api: Api): Record<string, Provisioner> {
  const call = (desired: Pick<Desired, 'region'>, operation: string, input: Record<string, unknown>) =>
    api('secretsmanager', desired.region, operation, input)
  const nameOf = (desired: Desired) => String(desired.properties.Name ?? desired.generatedName)
  const create = async (desired: Desired): Promise<Physical> => {
    const { properties } = desired
    const { ARN } = await createOrAdopt(
      'ResourceExistsException',
      async () =>
        call(desired, 'CreateSecret', {
          Name: nameOf(desired),
          SecretString: await secretStringOf(desired, call),
          Tags: tagList(desired.tags),
          ...given({ Description: properties.Description, KmsKeyId: properties.KmsKeyId }),
        }),
      () => call(desired, 'DescribeSecret', { SecretId: nameOf(desired) }),
    )
    await replicate(desired, ARN)
    return { ref: ARN, attributes: { Id: ARN } }
  }
  // Those that it has already stay; the property takes none away here.
  const replicate = async ({ region, properties }: Desired, SecretId: unknown) => {
    const { ReplicaRegions: AddReplicaRegions } = properties
    if (!Array.isArray(AddReplicaRegions) || AddReplicaRegions.length === 0) return
    await call({ region }, 'ReplicateSecretToRegions', { SecretId, AddReplicaRegions })
  }
  const attach = async (desired: Desired): Promise<Physical> => {
    const { SecretId, TargetId, TargetType } = desired.properties
    if (TargetType !== 'AWS::RDS::DBInstance')
      throw new Error(`a secret is attached to ${TargetType}, the twin attaches to instances only`)
    const { DBInstances } = await api('rds', desired.region, 'DescribeDBInstances', {
      DBInstanceIdentifier: TargetId,
    })
    const instance: DBInstance = DBInstances[0]
    const { SecretString } = await call(desired, 'GetSecretValue', { SecretId })
    await call(desired, 'PutSecretValue', {
      SecretId,
      SecretString: JSON.stringify({
        ...JSON.parse(SecretString),
        engine: 'postgres',
        host: instance.Endpoint?.Address,
        port: instance.Endpoint?.Port,
        dbname: instance.DBName,
        dbInstanceIdentifier: instance.DBInstanceIdentifier,
      }),
    })
    return { ref: SecretId, attributes: { Id: SecretId } }
  }
  return {
    'AWS::SecretsManager::Secret': {
      kind: 'real',
      create,
      update: async (desired, before) => {
        keep(desired, before, ['Name', 'GenerateSecretString', 'SecretString'])
        await call(desired, 'UpdateSecret', {
          SecretId: before.ref,
          ...given({
            Description: desired.properties.Description,
            KmsKeyId: desired.properties.KmsKeyId,
          }),
        })
        await replicate(desired, before.ref)
        return before
      },
    },
    'AWS::SecretsManager::SecretTargetAttachment': {
      kind: 'real',
      create: attach,
      update: attach,
      remove: async () => {},
    },
    'AWS::SecretsManager::ResourcePolicy': resourcePolicy(api),
    'AWS::SSM::Parameter': parameter(api),
  }
}

type Generate = {
  readonly SecretStringTemplate?: string
  readonly GenerateStringKey?: string
  readonly PasswordLength?: number
  readonly ExcludeCharacters?: string
}

async function secretStringOf(
  desired: Desired,
  call: (
    desired: Desired,
    operation: string,
    input: Record<string, unknown>,
  ) => Promise<{ RandomPassword: string }>,
): Promise<string> {
  const { SecretString, GenerateSecretString } = desired.properties
  if (!GenerateSecretString) return String(SecretString ?? '')
  const generate = GenerateSecretString as Generate & Record<string, unknown>
  const { RandomPassword } = await call(
    desired,
    'GetRandomPassword',
    given({
      PasswordLength: amount(generate.PasswordLength),
      ExcludeCharacters: generate.ExcludeCharacters,
      ExcludePunctuation: flag(generate.ExcludePunctuation),
      ExcludeNumbers: flag(generate.ExcludeNumbers),
      ExcludeLowercase: flag(generate.ExcludeLowercase),
      ExcludeUppercase: flag(generate.ExcludeUppercase),
      IncludeSpace: flag(generate.IncludeSpace),
      RequireEachIncludedType: flag(generate.RequireEachIncludedType),
    }),
  )
  if (!generate.GenerateStringKey) return RandomPassword
  return JSON.stringify({
    ...JSON.parse(generate.SecretStringTemplate ?? '{}'),
    [generate.GenerateStringKey]: RandomPassword,
  })
}

function resourcePolicy(api: Api): Provisioner {
  const put = async (desired: Desired): Promise<Physical> => {
    const { SecretId, ResourcePolicy } = desired.properties
    await api('secretsmanager', desired.region, 'PutResourcePolicy', {
      SecretId,
      ResourcePolicy: JSON.stringify(ResourcePolicy),
    })
    return { ref: SecretId, attributes: {} }
  }
  return { kind: 'real', create: put, update: put, remove: async () => {} }
}

function parameter(api: Api): Provisioner {
  const put = async (desired: Desired): Promise<Physical> => {
    const { Type, Value, Description } = desired.properties
    const Name = String(desired.properties.Name ?? desired.generatedName)
    await api('ssm', desired.region, 'PutParameter', {
      Name,
      Type,
      Value,
      Overwrite: true,
      ...given({ Description }),
    })
    return { ref: Name, attributes: { Type, Value } }
  }
  return {
    kind: 'real',
    create: put,
    update: async (desired, before) => {
      keep(desired, before, ['Name'])
      return put(desired)
    },
    remove: async before => {
      await api('ssm', before.region, 'DeleteParameter', { Name: before.ref })
    },
  }
}
