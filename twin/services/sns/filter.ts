/** Values of a message by key: of its attributes, or of its JSON body. */
export type Facts = Readonly<Record<string, unknown>>

const isAnything = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null

function matchesNumeric(value: unknown, terms: readonly unknown[]): boolean {
  if (typeof value !== 'number') return false
  for (let index = 0; index < terms.length; index += 2) {
    const limit = Number(terms[index + 1])
    const holds = {
      '=': value === limit,
      '<': value < limit,
      '<=': value <= limit,
      '>': value > limit,
      '>=': value >= limit,
    }
    if (!holds[String(terms[index]) as keyof typeof holds]) return false
  }
  return true
}

function matchesRule(rule: unknown, value: unknown, isPresent: boolean): boolean {
  if (!isAnything(rule)) return isPresent && value === rule
  const [[operator, operand] = []] = Object.entries(rule)
  switch (operator) {
    case 'exists':
      return isPresent === operand
    case 'prefix':
      return typeof value === 'string' && value.startsWith(String(operand))
    case 'suffix':
      return typeof value === 'string' && value.endsWith(String(operand))
    case 'equals-ignore-case':
      return typeof value === 'string' && value.toLowerCase() === String(operand).toLowerCase()
    case 'anything-but':
      return (
        isPresent &&
        !(Array.isArray(operand) ? operand : [operand]).some(each => matchesRule(each, value, true))
      )
    case 'numeric':
      return Array.isArray(operand) && matchesNumeric(value, operand)
    default:
      throw new Error(`the filter operator ${operator} is not known to the twin's SNS`)
  }
}

/** Whether a message passes a filter policy: each key must have one of its rules hold; nested keys for bodies. */
export function passesFilter(policy: Facts, facts: Facts): boolean {
  return Object.entries(policy).every(([key, rules]) => {
    const value = facts[key]
    if (Array.isArray(rules)) {
      const values = Array.isArray(value) ? value : [value]
      return values.some(each => rules.some(rule => matchesRule(rule, each, key in facts)))
    }
    return isAnything(rules) && isAnything(value) && passesFilter(rules, value)
  })
}
