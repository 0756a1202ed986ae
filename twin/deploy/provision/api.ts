import { WireError } from '../../wire/call.ts'

/**
 * Calls an operation of a service as the account's root, as CloudFormation calls it for a stack: input and output
 * have the shapes of the SDK's command. Throws what the service refuses with.
 */
export type Api = (
  service: string,
  region: string,
  operation: string,
  input: Readonly<Record<string, unknown>>,
  // biome-ignore lint/suspicious/noExplicitAny: the answer has the shape of the operation's output
) => Promise<any>

/** Runs `create`, and `adopt` instead when it is refused with `code`: it was there already, from a run cut short. */
export async function createOrAdopt<T>(
  code: string,
  create: () => Promise<T>,
  adopt: () => Promise<T>,
): Promise<T> {
  try {
    return await create()
  } catch (error) {
    if (!(error instanceof WireError) || error.code !== code) throw error
    return adopt()
  }
}

/** Runs `remove`; what is gone already is no failure. */
export async function removeIfThere(remove: () => Promise<unknown>): Promise<void> {
  try {
    await remove()
  } catch (error) {
    if (!(error instanceof WireError) || error.status !== 404) throw error
  }
}

/** The members of an object that have a value. */
export function given(members: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined))
}

/** A property that a template may write as text. */
export function flag(value: unknown): boolean | undefined {
  return value === undefined ? undefined : value === true || value === 'true'
}

/** A number that a template may write as text. */
export function amount(value: unknown): number | undefined {
  return value === undefined ? undefined : Number(value)
}
