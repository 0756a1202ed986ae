import type {
  GetSecretValueCommandInput,
  PutSecretValueCommandInput,
  UpdateSecretCommandInput,
  UpdateSecretVersionStageCommandInput,
} from '@aws-sdk/client-secrets-manager'
import type { Collection } from '../../state/collection.ts'
import { type Call, WireError } from '../../wire/call.ts'
import {
  CURRENT,
  moveStage,
  newSecretVersionId,
  requireSecret,
  type Secret,
  type SecretVersion,
} from './secrets.ts'
import type { SecretsDependencies } from './service.ts'

/** What the operations on secrets share. */
export type Vault = SecretsDependencies & { readonly secrets: Collection<Secret> }

/** Keeps a secret, and makes its replicas say the same. */
export function save(vault: Vault, secret: Secret): void {
  const changed = { ...secret, changedAt: new Date(vault.clock()).toISOString() }
  vault.secrets.set(`${secret.region}/${secret.name}`, changed)
  for (const { region, keyId } of secret.replicaRegions) {
    if (!vault.isReachable(region)) continue
    vault.secrets.set(`${region}/${secret.name}`, {
      ...changed,
      arn: secret.arn.replace(`:${secret.region}:`, `:${region}:`),
      region,
      primaryRegion: secret.region,
      replicaRegions: [],
      keyId: keyId ?? 'alias/aws/secretsmanager',
      versions: secret.versions.map(version => reseal(vault, version, secret, region, keyId)),
    })
  }
}

// A replica is encrypted with a key of its own region.
function reseal(
  vault: Vault,
  version: SecretVersion,
  secret: Secret,
  region: string,
  keyId?: string,
): SecretVersion {
  const plaintext = open(vault, secret, version)
  const arn = secret.arn.replace(`:${secret.region}:`, `:${region}:`)
  const sealed = vault.encrypt(
    keyId ?? 'alias/aws/secretsmanager',
    region,
    plaintext,
    contextOf(arn, version.id),
  )
  return { ...version, sealed: sealed.toString('base64') }
}

const contextOf = (arn: string, id: string) => ({ SecretARN: arn, SecretVersionId: id })

/** The plaintext of a version. */
export const open = (vault: Vault, secret: Secret, version: SecretVersion): Buffer =>
  vault.decrypt(secret.region, Buffer.from(version.sealed, 'base64'), contextOf(secret.arn, version.id))

type Value = { readonly SecretString?: string | undefined; readonly SecretBinary?: Uint8Array | undefined }

/** A sealed version of a value. */
export function newVersion(
  vault: Vault,
  secret: Secret,
  value: Value,
  id = newSecretVersionId(),
): SecretVersion {
  const plaintext = value.SecretBinary ?? Buffer.from(value.SecretString ?? '')
  return {
    id,
    stages: [],
    sealed: vault
      .encrypt(secret.keyId, secret.region, plaintext, contextOf(secret.arn, id))
      .toString('base64'),
    binary: value.SecretBinary !== undefined,
    createdAt: new Date(vault.clock()).toISOString(),
  }
}

/** Adds a version with stages; the same token with the same value again changes nothing. */
export function addVersion(
  vault: Vault,
  secret: Secret,
  value: Value,
  token: string | undefined,
  stages: readonly string[],
): SecretVersion {
  const same = token ? secret.versions.find(version => version.id === token) : undefined
  if (same) {
    const wanted = Buffer.from(value.SecretBinary ?? Buffer.from(value.SecretString ?? ''))
    if (open(vault, secret, same).equals(wanted)) return same
    const message = `You can't use ClientRequestToken ${token} because that value is already in use for a version of secret ${secret.arn}.`
    throw new WireError('ResourceExistsException', message)
  }
  const added = newVersion(vault, secret, value, token)
  const staged = stages.reduce(
    (versions, stage) => moveStage(versions, stage, added.id),
    [...secret.versions, added],
  )
  // A version without a stage is deprecated, and Secrets Manager drops it in time.
  save(vault, {
    ...secret,
    versions: staged.filter(version => version.stages.length > 0 || version.id === added.id),
  })
  return { ...added, stages }
}

function findVersion(secret: Secret, id: string | undefined, stage: string | undefined): SecretVersion {
  const wanted = stage ?? (id ? undefined : CURRENT)
  const found = secret.versions.find(
    version =>
      (id === undefined || version.id === id) && (wanted === undefined || version.stages.includes(wanted)),
  )
  if (found) return found
  const label = id ? `VersionId: ${id}` : `staging label: ${wanted}`
  throw new WireError(
    'ResourceNotFoundException',
    `Secrets Manager can't find the specified secret value for ${label}`,
  )
}

/** GetSecretValue. */
export function getValue(
  vault: Vault,
  input: GetSecretValueCommandInput,
  call: Pick<Call, 'region'>,
): { SecretString?: string; SecretBinary?: Buffer } & Record<string, unknown> {
  const secret = requireSecret(vault.secrets, input.SecretId ?? '', call.region)
  const version = findVersion(secret, input.VersionId, input.VersionStage)
  const plaintext = open(vault, secret, version)
  return {
    ARN: secret.arn,
    Name: secret.name,
    VersionId: version.id,
    VersionStages: version.stages,
    CreatedDate: new Date(version.createdAt),
    ...(version.binary ? { SecretBinary: plaintext } : { SecretString: plaintext.toString('utf8') }),
  }
}

/** PutSecretValue. */
export function putValue(vault: Vault, input: PutSecretValueCommandInput, call: Call) {
  const secret = requireSecret(vault.secrets, input.SecretId ?? '', call.region)
  assertPrimary(secret)
  const stages = input.VersionStages ?? [CURRENT]
  const version = addVersion(vault, secret, input, input.ClientRequestToken, stages)
  return { ARN: secret.arn, Name: secret.name, VersionId: version.id, VersionStages: version.stages }
}

/** Refuses to change a replica. */
export function assertPrimary(secret: Secret): void {
  if (!secret.primaryRegion) return
  const message = 'Operation not permitted on a replica secret. Call must be made in primary secret’s region.'
  throw new WireError('InvalidRequestException', message.replace('’', "'"))
}

/** UpdateSecret. */
export function update(vault: Vault, input: UpdateSecretCommandInput, call: Call) {
  const secret = requireSecret(vault.secrets, input.SecretId ?? '', call.region)
  assertPrimary(secret)
  const next: Secret = {
    ...secret,
    ...(input.Description !== undefined && { description: input.Description }),
    ...(input.KmsKeyId !== undefined && { keyId: input.KmsKeyId }),
  }
  if (input.SecretString === undefined && input.SecretBinary === undefined) {
    save(vault, next)
    return { ARN: secret.arn, Name: secret.name }
  }
  const version = addVersion(vault, next, input, input.ClientRequestToken, [CURRENT])
  return { ARN: secret.arn, Name: secret.name, VersionId: version.id }
}

/** UpdateSecretVersionStage. */
export function updateStage(vault: Vault, input: UpdateSecretVersionStageCommandInput, call: Call) {
  const secret = requireSecret(vault.secrets, input.SecretId ?? '', call.region)
  assertPrimary(secret)
  const stage = input.VersionStage ?? ''
  const holder = secret.versions.find(version => version.stages.includes(stage))
  if (holder && holder.id !== input.RemoveFromVersionId && holder.id !== input.MoveToVersionId) {
    const message = `The parameter RemoveFromVersionId can't be empty. Staging label ${stage} is currently attached to version ${holder.id}, so you must explicitly reference that version in RemoveFromVersionId.`
    throw new WireError('InvalidParameterException', message)
  }
  const versions = input.MoveToVersionId
    ? moveStage(secret.versions, stage, input.MoveToVersionId)
    : secret.versions.map(version => ({ ...version, stages: version.stages.filter(each => each !== stage) }))
  save(vault, { ...secret, versions })
  return { ARN: secret.arn, Name: secret.name }
}
