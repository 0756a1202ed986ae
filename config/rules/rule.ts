import type { Fault } from '../fault.ts'
import type { EnvironmentConfig } from '../schema.ts'

/** One thing that a configuration must not mean. Pure; an empty list when all is well. */
export type Rule = (config: EnvironmentConfig) => Fault[]

/** The fault when `broken`, nothing otherwise. */
export function when(broken: boolean, path: string, value: unknown, sentence: string, hint: string): Fault[] {
  return broken ? [{ path, value, sentence, hint }] : []
}

/** Seconds as a person writes them: the largest unit that divides them. */
export function writeDuration(seconds: number): string {
  const [size, unit] = (
    [
      [86_400, 'd'],
      [3_600, 'h'],
      [60, 'm'],
    ] as const
  ).find(([each]) => seconds >= each && seconds % each === 0) ?? [1, 's']
  return `${seconds / size}${unit}`
}
