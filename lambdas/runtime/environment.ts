import { Refusal } from './failure.ts'

type Source = Readonly<Record<string, string | undefined>>

/** The variable's text. @throws Refusal `MissingVariable` when it is absent or empty. */
export function text(name: string, source: Source = process.env): string {
  const value = source[name]
  if (value === undefined || value === '')
    throw new Refusal(
      'MissingVariable',
      `environment variable ${name} is not set`,
      `deploy the stack again; it sets ${name} on this function`,
    )
  return value
}

/** The variable as a finite number. @throws Refusal `MissingVariable` or `NotANumber`: two faults, two names. */
export function number(name: string, source: Source = process.env): number {
  const value = text(name, source)
  const parsed = Number(value)
  if (!Number.isFinite(parsed))
    throw new Refusal(
      'NotANumber',
      `environment variable ${name} is "${value}", not a number`,
      `set ${name} to a number`,
    )
  return parsed
}

/** The variable as JSON. @throws Refusal `MissingVariable` or `NotJson`. */
export function json<T>(name: string, source: Source = process.env): T {
  const value = text(name, source)
  try {
    return JSON.parse(value) as T
  } catch (cause) {
    throw new Refusal('NotJson', `environment variable ${name} is not JSON`, `set ${name} to a JSON value`, {
      cause,
    })
  }
}
