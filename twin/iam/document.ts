/** What a statement matches callers by. */
export type Principals = '*' | Readonly<Record<string, readonly string[]>>

/** A statement with every one-or-many made a list. */
export type Statement = {
  readonly sid: string | undefined
  readonly effect: 'Allow' | 'Deny'
  readonly principal: Principals | undefined
  readonly notPrincipal: Principals | undefined
  readonly actions: readonly string[] | undefined
  readonly notActions: readonly string[] | undefined
  readonly resources: readonly string[] | undefined
  readonly notResources: readonly string[] | undefined
  /** operator → key → values */
  readonly conditions: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>>
}

/** A policy document, read. */
export type Policy = {
  readonly name: string
  readonly version: string
  readonly statements: readonly Statement[]
}

const MEMBERS = new Set([
  'Sid',
  'Effect',
  'Principal',
  'NotPrincipal',
  'Action',
  'NotAction',
  'Resource',
  'NotResource',
  'Condition',
])

/** A policy document that IAM would refuse. */
export class PolicyError extends Error {
  constructor(policy: string, problem: string) {
    super(`policy ${policy} ${problem}. HINT: correct the statement in the template`)
    this.name = 'MalformedPolicyDocument'
  }
}

const list = (value: unknown): string[] | undefined =>
  value === undefined ? undefined : (Array.isArray(value) ? value : [value]).map(String)

/** Reads a policy document as a template or an API call carries it; what IAM does not know in it is refused by name. */
export function parsePolicy(name: string, document: unknown): Policy {
  const value = typeof document === 'string' ? parseText(name, document) : document
  if (typeof value !== 'object' || value === null) throw new PolicyError(name, 'is no document')
  const { Version: version = '2008-10-17', Statement, Id, ...rest } = value as Record<string, unknown>
  for (const key of Object.keys(rest)) throw new PolicyError(name, `has the unknown member ${key}`)
  const statements = Array.isArray(Statement) ? Statement : [Statement]
  return {
    name,
    version: String(version),
    statements: statements.map((statement, index) => parseStatement(name, index, statement)),
  }
}

function parseText(name: string, text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    const error = new PolicyError(name, `is not JSON (${(cause as Error).message})`)
    error.cause = cause
    throw error
  }
}

function parseStatement(name: string, index: number, statement: unknown): Statement {
  if (typeof statement !== 'object' || statement === null) throw new PolicyError(name, 'has no statement')
  const value = statement as Record<string, unknown>
  const at = `statement ${value.Sid ?? index}`
  for (const key of Object.keys(value)) {
    if (!MEMBERS.has(key)) throw new PolicyError(name, `has the unknown member ${key} in ${at}`)
  }
  if (value.Effect !== 'Allow' && value.Effect !== 'Deny') {
    throw new PolicyError(name, `has the effect ${value.Effect} in ${at}, it must be Allow or Deny`)
  }
  if ((value.Action === undefined) === (value.NotAction === undefined)) {
    throw new PolicyError(name, `needs one of Action and NotAction in ${at}`)
  }
  return {
    sid: value.Sid as string | undefined,
    effect: value.Effect,
    principal: parsePrincipals(value.Principal),
    notPrincipal: parsePrincipals(value.NotPrincipal),
    actions: list(value.Action),
    notActions: list(value.NotAction),
    resources: list(value.Resource),
    notResources: list(value.NotResource),
    conditions: parseConditions(value.Condition),
  }
}

function parsePrincipals(value: unknown): Principals | undefined {
  if (value === undefined) return undefined
  if (value === '*') return '*'
  return Object.fromEntries(Object.entries(value as object).map(([type, names]) => [type, list(names) ?? []]))
}

function parseConditions(value: unknown): Statement['conditions'] {
  return Object.fromEntries(
    Object.entries((value as object | undefined) ?? {}).map(([operator, keys]) => [
      operator,
      Object.fromEntries(Object.entries(keys as object).map(([key, values]) => [key, list(values) ?? []])),
    ]),
  )
}
