import type {
  CreateAliasCommandInput,
  CreateKeyCommandInput,
  ListAliasesCommandInput,
  ScheduleKeyDeletionCommandInput,
  Tag,
} from '@aws-sdk/client-kms'
import { parsePolicy } from '../../iam/document.ts'
import { type Call, type Operation, WireError } from '../../wire/call.ts'
import { requestTagContext } from '../dependencies.ts'
import { askKey } from './crypto-operations.ts'
import { createKey, type Key, type Keyring, type KeySpec, putAlias, putKey, requireKey } from './keys.ts'

const DAY_MS = 86_400_000
const SPECS: readonly string[] = ['SYMMETRIC_DEFAULT', 'ECC_NIST_P256'] satisfies KeySpec[]

type Named = { readonly KeyId?: string }

const readTags = (tags: readonly Tag[] | undefined) =>
  Object.fromEntries((tags ?? []).map(({ TagKey, TagValue }) => [TagKey ?? '', TagValue ?? '']))

function metadata(ring: Keyring, key: Key) {
  return {
    AWSAccountId: ring.account,
    KeyId: key.id,
    Arn: key.arn,
    CreationDate: new Date(key.createdAt),
    Enabled: key.state === 'Enabled',
    Description: key.description,
    KeyUsage: key.usage,
    KeyState: key.state,
    ...(key.deletionAt && { DeletionDate: new Date(key.deletionAt) }),
    Origin: 'AWS_KMS',
    KeyManager: key.awsManaged ? 'AWS' : 'CUSTOMER',
    KeySpec: key.spec,
    CustomerMasterKeySpec: key.spec,
    MultiRegion: key.multiRegion,
    ...(key.usage === 'SIGN_VERIFY'
      ? { SigningAlgorithms: ['ECDSA_SHA_256'] }
      : { EncryptionAlgorithms: ['SYMMETRIC_DEFAULT'] }),
  }
}

/** A key policy that IAM would refuse is refused here. */
function checkPolicy(text: string | undefined): string | undefined {
  if (text === undefined) return undefined
  try {
    parsePolicy('key policy', text)
  } catch (cause) {
    const error = new WireError('MalformedPolicyDocumentException', (cause as Error).message)
    error.cause = cause
    throw error
  }
  return text
}

function create(ring: Keyring, input: CreateKeyCommandInput, call: Call) {
  const spec = input.KeySpec ?? input.CustomerMasterKeySpec ?? 'SYMMETRIC_DEFAULT'
  if (!SPECS.includes(spec)) {
    throw new WireError(
      'UnsupportedOperationException',
      `the twin's KMS has the key specs ${SPECS.join(', ')}, not ${spec}`,
    )
  }
  const policy = checkPolicy(input.Policy)
  const key = createKey(ring, call.region, {
    spec: spec as KeySpec,
    description: input.Description ?? '',
    tags: readTags(input.Tags),
    multiRegion: input.MultiRegion ?? false,
    ...(policy && { policy }),
  })
  return { KeyMetadata: metadata(ring, key) }
}

/** Making, reading and switching keys. */
export function keyOperations(ring: Keyring): Record<string, Operation> {
  const on = (
    action: string,
    change: (key: Key, input: never, call: Call) => Key | undefined,
    answer?: (key: Key) => object,
  ): Operation => ({
    questions: (input: Named, call) => askKey(ring, action, input.KeyId, call),
    run: (input: Named, call) => {
      const key = requireKey(ring, input.KeyId ?? '', call.region)
      const changed = change(key, input as never, call) ?? key
      if (changed !== key) putKey(ring, changed)
      return answer?.(changed) ?? {}
    },
  })
  const same = () => undefined
  return {
    CreateKey: {
      questions: (input: CreateKeyCommandInput) => [
        {
          action: 'kms:CreateKey',
          resource: '*',
          context: requestTagContext(
            input.Tags?.map(({ TagKey, TagValue }) => ({ Key: TagKey, Value: TagValue })),
          ),
        },
      ],
      run: (input: CreateKeyCommandInput, call) => create(ring, input, call),
    },
    DescribeKey: on('kms:DescribeKey', same, key => ({ KeyMetadata: metadata(ring, key) })),
    EnableKey: on('kms:EnableKey', key => ({ ...key, state: 'Enabled' })),
    DisableKey: on('kms:DisableKey', key => ({ ...key, state: 'Disabled' })),
    GetKeyPolicy: on('kms:GetKeyPolicy', same, key => ({ Policy: key.policy, PolicyName: 'default' })),
    PutKeyPolicy: on('kms:PutKeyPolicy', (key, input: { Policy?: string }) => ({
      ...key,
      policy: checkPolicy(input.Policy) ?? key.policy,
    })),
    EnableKeyRotation: on('kms:EnableKeyRotation', (key, input: { RotationPeriodInDays?: number }) => ({
      ...assertSymmetric(key),
      rotation: true,
      rotationDays: input.RotationPeriodInDays ?? 365,
    })),
    DisableKeyRotation: on('kms:DisableKeyRotation', key => ({ ...key, rotation: false })),
    GetKeyRotationStatus: on('kms:GetKeyRotationStatus', same, key => ({
      KeyRotationEnabled: key.rotation,
      KeyId: key.arn,
      ...(key.rotation && { RotationPeriodInDays: key.rotationDays ?? 365 }),
    })),
    UpdateKeyDescription: on('kms:UpdateKeyDescription', (key, input: { Description?: string }) => ({
      ...key,
      description: input.Description ?? '',
    })),
    TagResource: on('kms:TagResource', (key, input: { Tags?: Tag[] }) => ({
      ...key,
      tags: { ...key.tags, ...readTags(input.Tags) },
    })),
    UntagResource: on('kms:UntagResource', (key, input: { TagKeys?: string[] }) => ({
      ...key,
      tags: Object.fromEntries(Object.entries(key.tags).filter(([name]) => !input.TagKeys?.includes(name))),
    })),
    ListResourceTags: on('kms:ListResourceTags', same, key => ({
      Tags: Object.entries(key.tags).map(([TagKey, TagValue]) => ({ TagKey, TagValue })),
      Truncated: false,
    })),
    ScheduleKeyDeletion: on(
      'kms:ScheduleKeyDeletion',
      (key, input: ScheduleKeyDeletionCommandInput) => ({
        ...key,
        state: 'PendingDeletion',
        deletionAt: new Date(ring.clock() + (input.PendingWindowInDays ?? 30) * DAY_MS).toISOString(),
      }),
      key => ({ KeyId: key.arn, DeletionDate: new Date(key.deletionAt ?? 0), KeyState: key.state }),
    ),
    CancelKeyDeletion: on(
      'kms:CancelKeyDeletion',
      ({ deletionAt: _, ...key }) => ({ ...key, state: 'Disabled' }),
      key => ({ KeyId: key.arn }),
    ),
  }
}

function assertSymmetric(key: Key): Key {
  if (key.spec === 'SYMMETRIC_DEFAULT') return key
  throw new WireError('UnsupportedOperationException', `You cannot perform this operation on ${key.arn}.`)
}

const aliasArn = (ring: Keyring, region: string, name: string) =>
  `arn:aws:kms:${region}:${ring.account}:${name}`

/** Aliases, and the lists. */
export function aliasOperations(ring: Keyring): Record<string, Operation> {
  const aliasQuestions =
    (action: string) => (input: { AliasName?: string; TargetKeyId?: string }, call: Call) => [
      { action, resource: aliasArn(ring, call.region, input.AliasName ?? '') },
      ...(input.TargetKeyId ? askKey(ring, action, input.TargetKeyId, call) : []),
    ]
  const find = (name: string | undefined, call: Call) => {
    const alias = ring.aliases.get(`${call.region}/${name}`)
    if (!alias)
      throw new WireError(
        'NotFoundException',
        `Alias ${aliasArn(ring, call.region, name ?? '')} is not found.`,
      )
    return alias
  }
  return {
    CreateAlias: {
      questions: aliasQuestions('kms:CreateAlias'),
      run: (input: CreateAliasCommandInput, call) => {
        const name = input.AliasName ?? ''
        if (!name.startsWith('alias/')) throw new WireError('ValidationException', `Invalid alias ${name}`)
        if (ring.aliases.has(`${call.region}/${name}`)) {
          const message = `An alias with the name ${aliasArn(ring, call.region, name)} already exists`
          throw new WireError('AlreadyExistsException', message)
        }
        putAlias(ring, call.region, name, requireKey(ring, input.TargetKeyId ?? '', call.region).id)
        return {}
      },
    },
    UpdateAlias: {
      questions: aliasQuestions('kms:UpdateAlias'),
      run: (input: CreateAliasCommandInput, call) => {
        const { name } = find(input.AliasName, call)
        putAlias(ring, call.region, name, requireKey(ring, input.TargetKeyId ?? '', call.region).id)
        return {}
      },
    },
    DeleteAlias: {
      questions: aliasQuestions('kms:DeleteAlias'),
      run: (input: { AliasName?: string }, call) => {
        const { name } = find(input.AliasName, call)
        ring.aliases.delete(`${call.region}/${name}`)
        return {}
      },
    },
    ListAliases: {
      questions: () => [{ action: 'kms:ListAliases', resource: '*' }],
      run: (input: ListAliasesCommandInput, call) => {
        const only = input.KeyId ? requireKey(ring, input.KeyId, call.region).id : undefined
        const found = ring.aliases
          .values()
          .filter(alias => alias.region === call.region && (only === undefined || alias.keyId === only))
        return {
          Aliases: found.map(alias => ({
            AliasName: alias.name,
            AliasArn: aliasArn(ring, alias.region, alias.name),
            TargetKeyId: alias.keyId,
            CreationDate: new Date(alias.createdAt),
          })),
          Truncated: false,
        }
      },
    },
    ListKeys: {
      questions: () => [{ action: 'kms:ListKeys', resource: '*' }],
      run: (_: unknown, call) => ({
        Keys: ring.keys
          .values()
          .filter(key => key.region === call.region)
          .map(key => ({ KeyId: key.id, KeyArn: key.arn })),
        Truncated: false,
      }),
    },
  }
}
