import { generateKeyPairSync, randomBytes, randomUUID } from 'node:crypto'
import type { Collection } from '../../state/collection.ts'
import { WireError } from '../../wire/call.ts'

/** The key specs that the twin has. */
export type KeySpec = 'SYMMETRIC_DEFAULT' | 'ECC_NIST_P256'

/** A key with its material. Material never leaves the twin's folder. */
export type Key = {
  readonly id: string
  readonly arn: string
  readonly region: string
  readonly spec: KeySpec
  readonly usage: 'ENCRYPT_DECRYPT' | 'SIGN_VERIFY'
  readonly state: 'Enabled' | 'Disabled' | 'PendingDeletion'
  readonly description: string
  readonly createdAt: string
  readonly deletionAt?: string
  readonly rotation: boolean
  readonly rotationDays?: number
  readonly multiRegion: boolean
  readonly policy: string
  readonly tags: Readonly<Record<string, string>>
  /** Base64 of 32 bytes, or a PKCS #8 PEM. */
  readonly material: string
  /** Made by the twin for a service's own alias (`alias/aws/…`). */
  readonly awsManaged?: boolean
}

/** An alias, kept under `region/alias/name`. */
export type Alias = {
  readonly name: string
  readonly region: string
  readonly keyId: string
  readonly createdAt: string
}

/** The keys and aliases of a twin. */
export type Keyring = {
  readonly account: string
  readonly clock: () => number
  readonly keys: Collection<Key>
  readonly aliases: Collection<Alias>
}

const keyed = (region: string, id: string) => `${region}/${id}`

/** The policy that a key gets without one of its own: the account's policies decide. */
const defaultKeyPolicy = (account: string) =>
  JSON.stringify({
    Version: '2012-10-17',
    Id: 'key-default-1',
    Statement: [
      {
        Sid: 'Enable IAM User Permissions',
        Effect: 'Allow',
        Principal: { AWS: `arn:aws:iam::${account}:root` },
        Action: 'kms:*',
        Resource: '*',
      },
    ],
  })

function newMaterial(spec: KeySpec): string {
  if (spec === 'SYMMETRIC_DEFAULT') return randomBytes(32).toString('base64')
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  return privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
}

/** Makes a key in a region. */
export function createKey(
  ring: Keyring,
  region: string,
  wish: Partial<
    Pick<Key, 'spec' | 'usage' | 'description' | 'policy' | 'tags' | 'multiRegion' | 'awsManaged'>
  >,
): Key {
  const spec = wish.spec ?? 'SYMMETRIC_DEFAULT'
  const id = `${wish.multiRegion ? 'mrk-' : ''}${wish.multiRegion ? randomUUID().replaceAll('-', '') : randomUUID()}`
  const key: Key = {
    id,
    arn: `arn:aws:kms:${region}:${ring.account}:key/${id}`,
    region,
    spec,
    usage: wish.usage ?? (spec === 'SYMMETRIC_DEFAULT' ? 'ENCRYPT_DECRYPT' : 'SIGN_VERIFY'),
    state: 'Enabled',
    description: wish.description ?? '',
    createdAt: new Date(ring.clock()).toISOString(),
    rotation: false,
    multiRegion: wish.multiRegion ?? false,
    policy: wish.policy ?? defaultKeyPolicy(ring.account),
    tags: wish.tags ?? {},
    material: newMaterial(spec),
    ...(wish.awsManaged && { awsManaged: true }),
  }
  putKey(ring, key)
  return key
}

export const putKey = (ring: Keyring, key: Key): void => ring.keys.set(keyed(key.region, key.id), key)

/** Kept as `alias/aws/s3` and the like: AWS makes these keys when a service first needs them. */
function awsManagedKey(ring: Keyring, alias: string, region: string): Key {
  const key = createKey(ring, region, {
    description: `Default key of ${alias.slice('alias/aws/'.length)}`,
    awsManaged: true,
  })
  putAlias(ring, region, alias, key.id)
  return key
}

export function putAlias(ring: Keyring, region: string, name: string, keyId: string): void {
  ring.aliases.set(keyed(region, name), {
    name,
    region,
    keyId,
    createdAt: new Date(ring.clock()).toISOString(),
  })
}

/** The key that an id, an ARN, an alias or an alias ARN means in a region. */
export function requireKey(ring: Keyring, reference: string, region: string): Key {
  const parts = reference.startsWith('arn:') ? reference.split(':') : undefined
  const at = parts?.[3] ?? region
  const name = parts ? parts.slice(5).join(':') : reference
  if (name.startsWith('alias/')) {
    const alias = ring.aliases.get(keyed(at, name))
    if (!alias && name.startsWith('alias/aws/')) return awsManagedKey(ring, name, at)
    const key = alias && ring.keys.get(keyed(at, alias.keyId))
    if (key) return key
    const arn = `arn:aws:kms:${at}:${ring.account}:${name}`
    throw new WireError('NotFoundException', `Alias ${arn} is not found.`)
  }
  const id = name.replace(/^key\//, '')
  const key = ring.keys.get(keyed(at, id))
  if (key) return key
  const arn = `arn:aws:kms:${at}:${ring.account}:key/${id}`
  throw new WireError('NotFoundException', `Key '${arn}' does not exist`)
}

/** Names of the aliases of a key. */
const aliasesOf = (ring: Keyring, key: Key): string[] =>
  ring.aliases
    .values()
    .filter(alias => alias.region === key.region && alias.keyId === key.id)
    .map(alias => alias.name)

/** Refuses a key that is not enabled, as KMS does. */
export function assertEnabled(key: Key): void {
  if (key.state === 'Enabled') return
  if (key.state === 'Disabled') throw new WireError('DisabledException', `${key.arn} is disabled.`)
  throw new WireError('KMSInvalidStateException', `${key.arn} is pending deletion.`)
}

/** Condition keys that every question about a key carries. */
export const keyContext = (ring: Keyring, key: Key): Record<string, string | string[]> => ({
  'kms:ResourceAliases': aliasesOf(ring, key),
  'kms:KeySpec': key.spec,
  'kms:KeyUsage': key.usage,
  'kms:KeyOrigin': 'AWS_KMS',
  'kms:MultiRegion': String(key.multiRegion),
  ...Object.fromEntries(Object.entries(key.tags).map(([name, value]) => [`aws:ResourceTag/${name}`, value])),
})
