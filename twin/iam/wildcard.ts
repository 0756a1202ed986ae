/** One piece of a pattern: a character of its own, or a wildcard. */
const LITERAL_STAR = '\uE000'
const LITERAL_MARK = '\uE001'
const compiled = new Map<string, RegExp>()

/** Makes `*` and `?` in a variable's value plain text inside a pattern: a tag `*` must not match everything. */
export const asLiteral = (text: string) => text.replaceAll('*', LITERAL_STAR).replaceAll('?', LITERAL_MARK)

/** The text that a pattern stands for, its wildcards taken as characters. */
export const asText = (pattern: string) => pattern.replaceAll(LITERAL_STAR, '*').replaceAll(LITERAL_MARK, '?')

function compile(pattern: string, flags: string): RegExp {
  const name = `${flags} ${pattern}`
  const found = compiled.get(name)
  if (found) return found
  const escaped = pattern.replace(/[\\^$.|+()[\]{}/]/g, '\\$&')
  const source = escaped.replaceAll('*', '[^]*').replaceAll('?', '[^]')
  const expression = new RegExp(
    `^${source.replaceAll(LITERAL_STAR, '\\*').replaceAll(LITERAL_MARK, '\\?')}$`,
    flags,
  )
  if (compiled.size > 10_000) compiled.clear()
  compiled.set(name, expression)
  return expression
}

/** Whether text is of an IAM pattern: `*` is any run of characters, `?` any one. */
export function matchesWildcard(pattern: string, text: string, ignoreCase = false): boolean {
  return pattern === '*' || compile(pattern, ignoreCase ? 'i' : '').test(text)
}

/** Whether an ARN is of an ARN pattern, each of its six parts by itself, as the Arn condition operators compare. */
export function matchesArn(pattern: string, arn: string): boolean {
  const [wanted, given] = [splitArn(pattern), splitArn(arn)]
  return (
    wanted.length === given.length && wanted.every((part, index) => matchesWildcard(part, given[index] ?? ''))
  )
}

function splitArn(arn: string): string[] {
  const parts = arn.split(':')
  return parts.length <= 6 ? parts : [...parts.slice(0, 5), parts.slice(5).join(':')]
}
