import { createHash } from 'node:crypto'
import type { Assembly, Declaration, Stack } from './assembly.ts'

/** What a resource is once it is there: what `Ref` and `Fn::GetAtt` answer. Nested attributes have dotted names. */
export type Physical = {
  readonly ref: unknown
  readonly attributes: Readonly<Record<string, unknown>>
}

/** A resource as the deployment remembers it. */
export type Stored = Physical & {
  readonly key: string
  readonly type: string
  readonly properties: Properties
  /** Whether something answers for it, or it is only written down. */
  readonly kind: 'real' | 'recorded'
  readonly stack: string
  readonly region: string
  readonly logicalId: string
  readonly retained: boolean
}

// biome-ignore lint/suspicious/noExplicitAny: a template's properties have the shape that their type's documentation says
export type Properties = Readonly<Record<string, any>>

/** One resource to create or change, everything resolved. */
export type Desired = {
  readonly type: string
  readonly logicalId: string
  readonly stack: Stack
  readonly region: string
  readonly account: string
  readonly properties: Properties
  /** The resource's own tags over its stack's. */
  readonly tags: Readonly<Record<string, string>>
  readonly declaration: Declaration
  readonly assembly: Assembly
  /** What CloudFormation would call it: stack, logical id and a hash, the same each time. */
  readonly generatedName: string
}

/** How resources of one type come into being and change. */
export type Provisioner = {
  /** Whether something answers for the resource afterwards. */
  readonly kind: 'real' | 'recorded'
  /** The program without which resources of this type are only recorded, where this machine lacks it. */
  readonly missing?: string
  /** What those who use a real one should know that it does not do. */
  readonly limits?: string
  readonly create: (desired: Desired) => Promise<Physical>
  /** Changes it in place. Without it, or when it throws a `Replacement`, a change is refused. */
  readonly update?: (desired: Desired, before: Stored) => Promise<Physical>
  readonly remove?: (before: Stored) => Promise<void>
}

/** A change that would replace a resource: refused, since what it holds would be gone. */
export class Replacement extends Error {
  constructor(desired: Desired, property: string, before: unknown, after: unknown) {
    super(
      `${desired.type} ${desired.logicalId} of ${desired.stack.name}: ${property} changes from ${JSON.stringify(before)} to ${JSON.stringify(after)}, which would replace it and lose what it holds\nHINT: keep ${property}, or reset the twin and bring it up anew`,
    )
    this.name = 'Replacement'
  }
}

/** Refuses a change of any of `names`. */
export function keep(desired: Desired, before: Stored, names: readonly string[]): void {
  for (const name of names)
    if (JSON.stringify(desired.properties[name]) !== JSON.stringify(before.properties[name]))
      throw new Replacement(desired, name, before.properties[name], desired.properties[name])
}

/** `Tags` of a template as names and values, in either of CloudFormation's two shapes. */
export function tagsOf(tags: unknown): Record<string, string> {
  if (Array.isArray(tags))
    return Object.fromEntries(tags.map(({ Key, Value }: { Key: string; Value: string }) => [Key, Value]))
  return typeof tags === 'object' && tags !== null ? (tags as Record<string, string>) : {}
}

/** Names and values as the list that most APIs take. */
export function tagList(tags: Readonly<Record<string, string>>): { Key: string; Value: string }[] {
  return Object.entries(tags).map(([Key, Value]) => ({ Key, Value }))
}

/** The generated name within `max` characters; the hash at its end stays, so that it is still nobody else's. */
export function nameWithin({ generatedName }: Pick<Desired, 'generatedName'>, max: number): string {
  if (generatedName.length <= max) return generatedName
  const hash = generatedName.slice(-13)
  return generatedName.slice(0, max - hash.length).replace(/-+$/, '') + hash
}

/** A stable short hash, in lower-case hexadecimal, of what makes a resource the one it is. */
export function hashOf(...parts: readonly string[]): string {
  return createHash('sha256').update(parts.join('\0')).digest('hex')
}
