import type { Fault } from '../../config/fault.ts'
import { readConfig } from '../../config/parse.ts'
import { SPECIMEN } from '../../config/specimen.ts'

type Patch = { readonly [key: string]: unknown }

/** The faultless specimen with a patch laid over it, objects merged, everything else replaced. */
export function draft(patch: Patch): unknown {
  return merge(SPECIMEN, patch)
}

/** What is wrong with a patched specimen. */
export function faultsOf(patch: Patch): readonly Fault[] {
  return readConfig(draft(patch)).faults
}

function merge(base: unknown, patch: unknown): unknown {
  if (!isPlain(base) || !isPlain(patch)) return patch
  const merged: Record<string, unknown> = { ...base }
  for (const [key, value] of Object.entries(patch))
    if (value === undefined) delete merged[key]
    else merged[key] = merge(merged[key], value)
  return merged
}

function isPlain(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
