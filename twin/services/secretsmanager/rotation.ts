import type { RotateSecretCommandInput } from '@aws-sdk/client-secrets-manager'
import { type Call, WireError } from '../../wire/call.ts'
import {
  CURRENT,
  newSecretVersionId,
  PENDING,
  randomPassword,
  requireSecret,
  type Secret,
} from './secrets.ts'
import { addVersion, assertPrimary, getValue, save, updateStage, type Vault } from './values.ts'

/** The single-user rotation: a new password is made pending, set where it is used, and becomes current. */
export async function rotate(vault: Vault, input: RotateSecretCommandInput, call: Call) {
  const secret = requireSecret(vault.secrets, input.SecretId ?? '', call.region)
  assertPrimary(secret)
  const days = input.RotationRules?.AutomaticallyAfterDays
  const rotation = {
    ...secret.rotation,
    ...(input.RotationLambdaARN && { lambdaArn: input.RotationLambdaARN }),
    ...(days !== undefined && { days }),
  }
  if (input.RotateImmediately === false) {
    save(vault, { ...secret, rotation })
    return { ARN: secret.arn, Name: secret.name }
  }
  if (!vault.rotate)
    throw new WireError('InvalidRequestException', 'the twin has nothing that rotates this secret')
  const value = JSON.parse(String(getValue(vault, { SecretId: secret.arn }, call).SecretString)) as Record<
    string,
    unknown
  >
  const current = JSON.stringify(value)
  const pending = JSON.stringify({ ...value, password: randomPassword({ ExcludePunctuation: true }) })
  const id = input.ClientRequestToken ?? newSecretVersionId()
  addVersion(vault, { ...secret, rotation }, { SecretString: pending }, id, [PENDING])
  await vault.rotate({ arn: secret.arn, region: secret.region, current, pending })
  const staged = requireSecret(vault.secrets, secret.arn, call.region)
  updateStage(
    vault,
    {
      SecretId: secret.arn,
      VersionStage: CURRENT,
      MoveToVersionId: id,
      RemoveFromVersionId: currentId(staged),
    },
    call,
  )
  updateStage(vault, { SecretId: secret.arn, VersionStage: PENDING, RemoveFromVersionId: id }, call)
  const done = requireSecret(vault.secrets, secret.arn, call.region)
  save(vault, { ...done, rotation: { ...rotation, lastAt: new Date(vault.clock()).toISOString() } })
  return { ARN: secret.arn, Name: secret.name, VersionId: id }
}

const currentId = (secret: Secret) => secret.versions.find(({ stages }) => stages.includes(CURRENT))?.id
