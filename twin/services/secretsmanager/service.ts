import type {
  CreateSecretCommandInput,
  DeleteSecretCommandInput,
  ListSecretsCommandInput,
  PutResourcePolicyCommandInput,
} from '@aws-sdk/client-secrets-manager'
import * as schemas from '@aws-sdk/client-secrets-manager'
import { parsePolicy } from '../../iam/document.ts'
import { type Call, type Operation, type Question, type Service, WireError } from '../../wire/call.ts'
import {
  requestTagContext,
  resourceTagContext,
  type Sealing,
  type ServiceDependencies,
} from '../dependencies.ts'
import { rotate } from './rotation.ts'
import {
  CURRENT,
  DEFAULT_KEY,
  findSecret,
  newArn,
  type PasswordWish,
  randomPassword,
  requireSecret,
  type Secret,
} from './secrets.ts'
import {
  addVersion,
  assertPrimary,
  getValue,
  newVersion,
  putValue,
  save,
  update,
  updateStage,
  type Vault,
} from './values.ts'

export type SecretsDependencies = ServiceDependencies &
  Sealing & {
    readonly isReachable: (region: string) => boolean
    /** Sets the new password where the secret is used; throws when it cannot. Without it, rotation is refused. */
    readonly rotate?: (rotation: Rotation) => Promise<void>
  }

/** One rotation: the value in use and the one to come, as the secret keeps them. */
export type Rotation = {
  readonly arn: string
  readonly region: string
  readonly current: string
  readonly pending: string
}

/** The twin's Secrets Manager, with what the rest of the twin asks of it. */
export type SecretsService = {
  readonly service: Service
  /** Resource policy of the secret that an ARN names. */
  policyOf(arn: string): unknown
  /** Current value, for a service that reads it in its own name (RDS, its proxy). */
  valueOf(reference: string, region: string): string | undefined
  /** Writes the connection into a secret's JSON, as a target attachment does: engine, host, port, dbname, dbInstanceIdentifier. */
  attach(reference: string, region: string, connection: Readonly<Record<string, unknown>>): void
}

const DAY_MS = 86_400_000

/** The Secrets Manager of one twin, all regions. */
export function createSecretsManager(dependencies: SecretsDependencies): SecretsService {
  const vault: Vault = { ...dependencies, secrets: dependencies.open<Secret>('secrets') }
  const current = (reference: string, region: string) =>
    getValue(vault, { SecretId: reference }, { region }).SecretString
  return {
    service: { name: 'secretsmanager', schemas, protocol: 'json1.1', operations: operationsOf(vault) },
    policyOf: arn => findSecret(vault.secrets, arn, arn.split(':')[3] ?? '')?.policy,
    valueOf: (reference, region) =>
      findSecret(vault.secrets, reference, region) ? current(reference, region) : undefined,
    attach: (reference, region, connection) => {
      const secret = requireSecret(vault.secrets, reference, region)
      const value = { ...JSON.parse(current(reference, region) ?? '{}'), ...connection }
      addVersion(vault, secret, { SecretString: JSON.stringify(value) }, undefined, [CURRENT])
    },
  }
}

type At = { readonly SecretId?: string }

function ask(vault: Vault, action: string, key?: 'kms:Decrypt' | 'kms:GenerateDataKey') {
  return (input: At, call: Call): Question[] => {
    const secret = findSecret(vault.secrets, input.SecretId ?? '', call.region)
    const resource = secret?.arn ?? input.SecretId ?? '*'
    const name = (action: string): Question => ({
      action,
      resource,
      context: {
        ...resourceTagContext(secret?.tags),
        ...(secret && { 'secretsmanager:SecretId': secret.arn }),
      },
    })
    // The service's own key is open to whoever may use the secret.
    const own = !secret || secret.keyId.startsWith('alias/aws/')
    return own || !key ? [name(action)] : [name(action), keyQuestion(vault, key, secret)]
  }
}

const keyQuestion = (vault: Vault, action: string, secret: Secret): Question => ({
  action,
  resource: vault.keyArn(secret.keyId, secret.region),
  context: {
    'kms:ViaService': `secretsmanager.${secret.region}.amazonaws.com`,
    'kms:EncryptionContext:SecretARN': secret.arn,
  },
})

function operationsOf(vault: Vault): Record<string, Operation> {
  const on = (
    action: string,
    run: (vault: Vault, input: never, call: Call) => unknown,
    key?: 'kms:Decrypt' | 'kms:GenerateDataKey',
  ): Operation => ({
    questions: ask(vault, `secretsmanager:${action}`, key),
    run: (input, call) => run(vault, input as never, call),
  })
  return {
    CreateSecret: {
      questions: (input: CreateSecretCommandInput, call) => [
        {
          action: 'secretsmanager:CreateSecret',
          resource: `arn:aws:secretsmanager:${call.region}:${vault.account}:secret:${input.Name}-??????`,
          context: requestTagContext(input.Tags),
        },
      ],
      run: (input: CreateSecretCommandInput, call) => create(vault, input, call),
    },
    GetSecretValue: on('GetSecretValue', getValue, 'kms:Decrypt'),
    PutSecretValue: on('PutSecretValue', putValue, 'kms:GenerateDataKey'),
    UpdateSecret: on('UpdateSecret', update),
    UpdateSecretVersionStage: on('UpdateSecretVersionStage', updateStage),
    DescribeSecret: on('DescribeSecret', describe),
    ListSecretVersionIds: on('ListSecretVersionIds', listVersions),
    DeleteSecret: on('DeleteSecret', remove),
    RestoreSecret: on('RestoreSecret', restore),
    RotateSecret: on('RotateSecret', rotate),
    ReplicateSecretToRegions: on('ReplicateSecretToRegions', replicate),
    TagResource: on('TagResource', (v, input: At & { Tags?: { Key?: string; Value?: string }[] }, call) => {
      const secret = requireSecret(v.secrets, input.SecretId ?? '', call.region)
      save(v, { ...secret, tags: { ...secret.tags, ...readTags(input.Tags) } })
      return {}
    }),
    UntagResource: on('UntagResource', (v, input: At & { TagKeys?: string[] }, call) => {
      const secret = requireSecret(v.secrets, input.SecretId ?? '', call.region)
      const tags = Object.entries(secret.tags).filter(([key]) => !input.TagKeys?.includes(key))
      save(v, { ...secret, tags: Object.fromEntries(tags) })
      return {}
    }),
    PutResourcePolicy: on('PutResourcePolicy', putPolicy),
    GetResourcePolicy: on('GetResourcePolicy', (v, input: At, call) => {
      const secret = requireSecret(v.secrets, input.SecretId ?? '', call.region)
      return { ARN: secret.arn, Name: secret.name, ResourcePolicy: secret.policy }
    }),
    GetRandomPassword: {
      questions: () => [{ action: 'secretsmanager:GetRandomPassword', resource: '*' }],
      run: (input: PasswordWish) => ({ RandomPassword: randomPassword(input) }),
    },
    ListSecrets: {
      questions: () => [{ action: 'secretsmanager:ListSecrets', resource: '*' }],
      run: (input: ListSecretsCommandInput, call) => ({
        SecretList: vault.secrets
          .values()
          .filter(
            secret => secret.region === call.region && (input.IncludePlannedDeletion || !secret.deletionAt),
          )
          .map(secret => ({ ...summary(secret), SecretVersionsToStages: stagesOf(secret) })),
      }),
    },
  }
}

const readTags = (tags: readonly { Key?: string | undefined; Value?: string | undefined }[] | undefined) =>
  Object.fromEntries((tags ?? []).map(({ Key, Value }) => [Key ?? '', Value ?? '']))

const stagesOf = (secret: Secret) =>
  Object.fromEntries(
    secret.versions.filter(({ stages }) => stages.length > 0).map(({ id, stages }) => [id, stages]),
  )

function summary(secret: Secret) {
  return {
    ARN: secret.arn,
    Name: secret.name,
    Description: secret.description,
    KmsKeyId: secret.keyId === DEFAULT_KEY ? undefined : secret.keyId,
    RotationEnabled: secret.rotation !== undefined,
    ...(secret.rotation && {
      RotationLambdaARN: secret.rotation.lambdaArn,
      RotationRules: { AutomaticallyAfterDays: secret.rotation.days },
      ...(secret.rotation.lastAt && { LastRotatedDate: new Date(secret.rotation.lastAt) }),
    }),
    LastChangedDate: new Date(secret.changedAt),
    CreatedDate: new Date(secret.createdAt),
    ...(secret.deletionAt && { DeletedDate: new Date(secret.deletionAt) }),
    Tags: Object.entries(secret.tags).map(([Key, Value]) => ({ Key, Value })),
    ...(secret.primaryRegion && { PrimaryRegion: secret.primaryRegion }),
  }
}

function create(vault: Vault, input: CreateSecretCommandInput, call: Call) {
  const name = input.Name ?? ''
  if (findSecret(vault.secrets, name, call.region)) {
    throw new WireError(
      'ResourceExistsException',
      `The operation failed because the secret ${name} already exists.`,
    )
  }
  const now = new Date(vault.clock()).toISOString()
  const secret: Secret = {
    name,
    arn: newArn(vault.account, call.region, name),
    region: call.region,
    replicaRegions: (input.AddReplicaRegions ?? []).map(({ Region = '', KmsKeyId }) => ({
      region: Region,
      ...(KmsKeyId && { keyId: KmsKeyId }),
    })),
    ...(input.Description !== undefined && { description: input.Description }),
    keyId: input.KmsKeyId ?? DEFAULT_KEY,
    tags: readTags(input.Tags),
    createdAt: now,
    changedAt: now,
    versions: [],
  }
  const answer = { ARN: secret.arn, Name: name }
  if (input.SecretString === undefined && input.SecretBinary === undefined) {
    save(vault, secret)
    return answer
  }
  const version = { ...newVersion(vault, secret, input, input.ClientRequestToken), stages: [CURRENT] }
  save(vault, { ...secret, versions: [version] })
  return { ...answer, VersionId: version.id }
}

function describe(vault: Vault, input: At, call: Call) {
  const secret = requireSecret(vault.secrets, input.SecretId ?? '', call.region, true)
  const replicas = secret.replicaRegions.map(({ region, keyId }) => ({
    Region: region,
    KmsKeyId: keyId,
    Status: 'InSync',
  }))
  return {
    ...summary(secret),
    VersionIdsToStages: stagesOf(secret),
    ...(replicas.length > 0 && { PrimaryRegion: secret.region, ReplicationStatus: replicas }),
  }
}

function listVersions(vault: Vault, input: At, call: Call) {
  const secret = requireSecret(vault.secrets, input.SecretId ?? '', call.region)
  return {
    ARN: secret.arn,
    Name: secret.name,
    Versions: secret.versions.map(({ id, stages, createdAt }) => ({
      VersionId: id,
      VersionStages: stages,
      CreatedDate: new Date(createdAt),
    })),
  }
}

function remove(vault: Vault, input: DeleteSecretCommandInput, call: Call) {
  const secret = requireSecret(vault.secrets, input.SecretId ?? '', call.region)
  assertPrimary(secret)
  const days = input.ForceDeleteWithoutRecovery ? 0 : (input.RecoveryWindowInDays ?? 30)
  const deletionAt = new Date(vault.clock() + days * DAY_MS)
  if (input.ForceDeleteWithoutRecovery) vault.secrets.delete(`${secret.region}/${secret.name}`)
  else save(vault, { ...secret, deletionAt: deletionAt.toISOString() })
  return { ARN: secret.arn, Name: secret.name, DeletionDate: deletionAt }
}

function restore(vault: Vault, input: At, call: Call) {
  const { deletionAt: _, ...secret } = requireSecret(vault.secrets, input.SecretId ?? '', call.region, true)
  save(vault, secret)
  return { ARN: secret.arn, Name: secret.name }
}

function replicate(
  vault: Vault,
  input: At & { AddReplicaRegions?: { Region?: string; KmsKeyId?: string }[] },
  call: Call,
) {
  const secret = requireSecret(vault.secrets, input.SecretId ?? '', call.region)
  assertPrimary(secret)
  const added = (input.AddReplicaRegions ?? []).map(({ Region = '', KmsKeyId }) => ({
    region: Region,
    ...(KmsKeyId && { keyId: KmsKeyId }),
  }))
  const kept = secret.replicaRegions.filter(({ region }) => !added.some(each => each.region === region))
  save(vault, { ...secret, replicaRegions: [...kept, ...added] })
  return { ARN: secret.arn }
}

function putPolicy(vault: Vault, input: PutResourcePolicyCommandInput, call: Call) {
  const secret = requireSecret(vault.secrets, input.SecretId ?? '', call.region)
  try {
    parsePolicy(secret.name, input.ResourcePolicy)
  } catch (cause) {
    const error = new WireError('MalformedPolicyDocumentException', (cause as Error).message)
    error.cause = cause
    throw error
  }
  save(vault, { ...secret, policy: input.ResourcePolicy ?? '' })
  return { ARN: secret.arn, Name: secret.name }
}
