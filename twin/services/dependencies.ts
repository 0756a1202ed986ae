import type { Collection } from '../state/collection.ts'
import type { Question } from '../wire/call.ts'

/** What every service of the twin is made of. */
export type ServiceDependencies = {
  readonly account: string
  /** Milliseconds since 1970; tests step it, a fault skews it. */
  readonly clock: () => number
  /** Opens a collection of this service by name; what it holds outlives the twin. */
  readonly open: <T>(name: string) => Collection<T>
}

/** A question about no particular resource. */
export const anywhere = (action: string, context?: Question['context']): Question[] => [
  { action, resource: '*', ...(context && { context }) },
]

/** Condition keys of the tags that a request brings. */
export function requestTagContext(
  tags: readonly { readonly Key?: string | undefined; readonly Value?: string | undefined }[] | undefined,
): Record<string, string | string[]> {
  if (!tags || tags.length === 0) return {}
  return {
    'aws:TagKeys': tags.map(tag => tag.Key ?? ''),
    ...Object.fromEntries(tags.map(tag => [`aws:RequestTag/${tag.Key}`, tag.Value ?? ''])),
  }
}

/** Condition keys of the tags that a resource has. */
export const resourceTagContext = (
  tags: Readonly<Record<string, string>> | undefined,
): Record<string, string> =>
  Object.fromEntries(Object.entries(tags ?? {}).map(([key, value]) => [`aws:ResourceTag/${key}`, value]))

/** What a service seals its values with: KMS's keys, by id, alias or ARN. */
export type Sealing = {
  readonly encrypt: (
    reference: string,
    region: string,
    plaintext: Uint8Array,
    context: Record<string, string>,
  ) => Buffer
  readonly decrypt: (region: string, ciphertext: Uint8Array, context: Record<string, string>) => Buffer
  readonly keyArn: (reference: string, region: string) => string
}
