import { randomBytes, randomInt, randomUUID } from 'node:crypto'
import type { Collection } from '../../state/collection.ts'
import { WireError } from '../../wire/call.ts'

export const CURRENT = 'AWSCURRENT'
const PREVIOUS = 'AWSPREVIOUS'
export const PENDING = 'AWSPENDING'

/** One version; its value is sealed under the secret's key (base64). */
export type SecretVersion = {
  readonly id: string
  readonly stages: readonly string[]
  readonly sealed: string
  readonly binary: boolean
  readonly createdAt: string
}

/** A secret in one region; replicas are secrets of their own regions that follow their primary. */
export type Secret = {
  readonly name: string
  readonly arn: string
  readonly region: string
  readonly primaryRegion?: string
  readonly replicaRegions: readonly { readonly region: string; readonly keyId?: string }[]
  readonly description?: string
  readonly keyId: string
  readonly tags: Readonly<Record<string, string>>
  readonly policy?: string
  readonly createdAt: string
  readonly changedAt: string
  readonly accessedAt?: string
  readonly deletionAt?: string
  readonly rotation?: { readonly lambdaArn?: string; readonly days?: number; readonly lastAt?: string }
  /** Newest last. */
  readonly versions: readonly SecretVersion[]
}

export const DEFAULT_KEY = 'alias/aws/secretsmanager'

/** A new ARN: Secrets Manager adds six characters of its own to the name. */
export function newArn(account: string, region: string, name: string): string {
  const suffix = randomBytes(8)
    .toString('base64')
    .replace(/[^A-Za-z0-9]/g, '')
    .slice(0, 6)
    .padEnd(6, 'x')
  return `arn:aws:secretsmanager:${region}:${account}:secret:${name}-${suffix}`
}

/** An id for a version whose caller brought none. */
export const newSecretVersionId = (): string => randomUUID()

/** The secret that a name, an ARN or an ARN without its six characters means in a region. */
export function findSecret(
  secrets: Collection<Secret>,
  reference: string,
  region: string,
): Secret | undefined {
  if (!reference.startsWith('arn:')) return secrets.get(`${region}/${reference}`)
  return secrets
    .values()
    .find(
      secret =>
        secret.region === region && (secret.arn === reference || secret.arn.slice(0, -7) === reference),
    )
}

/** As `findSecret`; refused as Secrets Manager does when it is not there or being deleted. */
export function requireSecret(
  secrets: Collection<Secret>,
  reference: string,
  region: string,
  alsoDeleted = false,
): Secret {
  const secret = findSecret(secrets, reference, region)
  if (!secret)
    throw new WireError('ResourceNotFoundException', "Secrets Manager can't find the specified secret.")
  if (secret.deletionAt && !alsoDeleted) {
    const message = "You can't perform this operation on the secret because it was marked for deletion."
    throw new WireError('InvalidRequestException', message)
  }
  return secret
}

/** Moves stages so that `id` has `stage`: a new current makes the old one previous. */
export function moveStage(versions: readonly SecretVersion[], stage: string, id: string): SecretVersion[] {
  const holder = versions.find(version => version.stages.includes(stage))
  return versions.map(version => {
    const others = version.stages.filter(each => each !== stage && !(stage === CURRENT && each === PREVIOUS))
    if (version.id === id) return { ...version, stages: [...others, stage] }
    const becomesPrevious = stage === CURRENT && version.id === holder?.id && holder.id !== id
    return { ...version, stages: becomesPrevious ? [...others, PREVIOUS] : others }
  })
}

const LOWER = 'abcdefghijklmnopqrstuvwxyz'
const UPPER = LOWER.toUpperCase()
const DIGITS = '0123456789'
const PUNCTUATION = '!"#$%&\'()*+,-./:;<=>?@[\\]^_`{|}~'

export type PasswordWish = {
  readonly PasswordLength?: number
  readonly ExcludeCharacters?: string
  readonly ExcludeNumbers?: boolean
  readonly ExcludePunctuation?: boolean
  readonly ExcludeUppercase?: boolean
  readonly ExcludeLowercase?: boolean
  readonly IncludeSpace?: boolean
  readonly RequireEachIncludedType?: boolean
}

/** A random password as GetRandomPassword and GenerateSecretString make it: 32 characters of every kind unless told otherwise. */
export function randomPassword(wish: PasswordWish): string {
  const excluded = new Set(wish.ExcludeCharacters ?? '')
  const kinds = [
    wish.ExcludeLowercase ? '' : LOWER,
    wish.ExcludeUppercase ? '' : UPPER,
    wish.ExcludeNumbers ? '' : DIGITS,
    wish.ExcludePunctuation ? '' : PUNCTUATION,
    wish.IncludeSpace ? ' ' : '',
  ]
    .map(kind => [...kind].filter(character => !excluded.has(character)))
    .filter(kind => kind.length > 0)
  const all = kinds.flat()
  if (all.length === 0) throw new WireError('InvalidParameterException', 'the exclusions leave no character')
  const pick = (from: readonly string[]) => from[randomInt(from.length)] as string
  const length = wish.PasswordLength ?? 32
  const required = wish.RequireEachIncludedType === false ? [] : kinds.map(pick)
  const characters = [
    ...required,
    ...Array.from({ length: Math.max(0, length - required.length) }, () => pick(all)),
  ]
  for (let index = characters.length - 1; index > 0; index--) {
    const other = randomInt(index + 1)
    ;[characters[index], characters[other]] = [characters[other] as string, characters[index] as string]
  }
  return characters.slice(0, length).join('')
}
