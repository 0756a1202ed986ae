import { asLiteral } from './wildcard.ts'

/** Condition keys of one call, names in lower case, since IAM compares them so. */
export type Context = ReadonlyMap<string, readonly string[]>

/** Makes a context of keys and values; undefined ones are left out. */
export function contextOf(
  ...parts: readonly (Readonly<Record<string, string | readonly string[] | undefined>> | undefined)[]
): Context {
  const context = new Map<string, readonly string[]>()
  for (const part of parts) {
    for (const [key, value] of Object.entries(part ?? {})) {
      if (value !== undefined) context.set(key.toLowerCase(), typeof value === 'string' ? [value] : value)
    }
  }
  return context
}

const VARIABLE = /\$\{([^}]*)\}/g
const CHARACTERS: Record<string, string> = { '*': '*', '?': '?', $: '$' }

/**
 * Puts the context's values in the place of policy variables. Undefined when a variable has no single value and no
 * default: such a pattern matches nothing.
 */
export function substitute(pattern: string, context: Context): string | undefined {
  let complete = true
  const text = pattern.replace(VARIABLE, (_, inside: string) => {
    const [key = '', fallback] = inside.split(',').map(part => part.trim())
    const character = CHARACTERS[key]
    if (character) return asLiteral(character)
    const values = context.get(key.toLowerCase())
    if (values?.length === 1 && values[0] !== undefined) return asLiteral(values[0])
    if (fallback !== undefined) return asLiteral(fallback.replace(/^'|'$/g, ''))
    complete = false
    return ''
  })
  return complete ? text : undefined
}
