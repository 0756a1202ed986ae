import { type Desired, keep, type Physical, type Provisioner, type Stored } from '../provisioner.ts'
import { type Api, createOrAdopt, flag, given, removeIfThere } from './api.ts'

/** KMS keys and their aliases. */
export function keyProvisioners(api: Api): Record<string, Provisioner> {
  const kms = (desired: Pick<Desired, 'region'>, operation: string, input: Record<string, unknown>) =>
    api('kms', desired.region, operation, input)
  const create = async (desired: Desired): Promise<Physical> => {
    const { properties, tags } = desired
    const { KeyMetadata } = await kms(
      desired,
      'CreateKey',
      given({
        Description: properties.Description,
        KeySpec: properties.KeySpec,
        KeyUsage: properties.KeyUsage,
        MultiRegion: flag(properties.MultiRegion),
        Policy: properties.KeyPolicy && JSON.stringify(properties.KeyPolicy),
        Tags: Object.entries(tags).map(([TagKey, TagValue]) => ({ TagKey, TagValue })),
      }),
    )
    if (flag(properties.EnableKeyRotation))
      await kms(desired, 'EnableKeyRotation', {
        KeyId: KeyMetadata.KeyId,
        ...given({ RotationPeriodInDays: properties.RotationPeriodInDays }),
      })
    return { ref: KeyMetadata.KeyId, attributes: { Arn: KeyMetadata.Arn, KeyId: KeyMetadata.KeyId } }
  }
  const update = async (desired: Desired, before: Stored): Promise<Physical> => {
    keep(desired, before, ['KeySpec', 'KeyUsage', 'MultiRegion'])
    await kms(desired, 'PutKeyPolicy', {
      KeyId: before.ref,
      PolicyName: 'default',
      Policy: JSON.stringify(desired.properties.KeyPolicy),
    })
    return before
  }
  const aliasInput = (desired: Desired) => ({
    AliasName: desired.properties.AliasName,
    TargetKeyId: desired.properties.TargetKeyId,
  })
  const putAlias = async (desired: Desired): Promise<Physical> => {
    await createOrAdopt(
      'AlreadyExistsException',
      () => kms(desired, 'CreateAlias', aliasInput(desired)),
      () => kms(desired, 'UpdateAlias', aliasInput(desired)),
    )
    return { ref: desired.properties.AliasName, attributes: { AliasName: desired.properties.AliasName } }
  }
  return {
    'AWS::KMS::Key': { kind: 'real', create, update },
    'AWS::KMS::Alias': {
      kind: 'real',
      create: putAlias,
      update: putAlias,
      remove: before => removeIfThere(() => kms(before, 'DeleteAlias', { AliasName: before.ref })),
    },
  }
}
