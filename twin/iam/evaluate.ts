import { conditionsHold } from './conditions.ts'
import { type Context, substitute } from './context.ts'
import type { Policy, Principals, Statement } from './document.ts'
import { matchesWildcard } from './wildcard.ts'

/** Who asks: the ARNs and names by which a policy's Principal may mean the caller. */
export type Caller =
  | { readonly kind: 'role'; readonly roleArn: string; readonly sessionArn: string; readonly account: string }
  | { readonly kind: 'root'; readonly account: string }
  | { readonly kind: 'service'; readonly name: string; readonly account: string }

/** One question with all that bears on it. */
export type Inquiry = {
  readonly caller: Caller
  readonly action: string
  readonly resource: string
  readonly context: Context
  readonly identityPolicies: readonly Policy[]
  readonly boundary?: Policy
  /** The policy of the resource, if it has one. */
  readonly resourcePolicy?: Policy
  /** KMS keys and role trust: without a word in the resource's own policy, identity policies count for nothing. */
  readonly resourcePolicyDecides?: boolean
}

/** The answer, with where it comes from: AWS words a refusal by it. */
export type Decision =
  | { readonly allowed: true; readonly by: string }
  | { readonly allowed: false; readonly explicit: true; readonly source: PolicySource; readonly by: string }
  | { readonly allowed: false; readonly explicit: false; readonly source: PolicySource }

export type PolicySource = 'identity-based policy' | 'resource-based policy' | 'permissions boundary'

/** Judges as IAM does within one account: an explicit deny anywhere first, then the allows. */
export function evaluate(inquiry: Inquiry): Decision {
  const denial = findDenial(inquiry)
  if (denial) return denial
  const granted = inquiry.resourcePolicy && grantOf(inquiry.resourcePolicy, inquiry)
  if (granted?.direct && withinBoundary(inquiry)) return { allowed: true, by: granted.by }
  if (inquiry.caller.kind === 'service' || (inquiry.resourcePolicyDecides && !granted)) {
    return { allowed: false, explicit: false, source: 'resource-based policy' }
  }
  if (inquiry.caller.kind === 'root') return { allowed: true, by: 'the account root' }
  const allow = findStatement(inquiry.identityPolicies, 'Allow', inquiry)
  if (!allow) return { allowed: false, explicit: false, source: 'identity-based policy' }
  if (!withinBoundary(inquiry)) return { allowed: false, explicit: false, source: 'permissions boundary' }
  return { allowed: true, by: allow }
}

function findDenial(inquiry: Inquiry): Decision | undefined {
  const sources: readonly (readonly [PolicySource, readonly Policy[]])[] = [
    ['identity-based policy', inquiry.identityPolicies],
    ['permissions boundary', inquiry.boundary ? [inquiry.boundary] : []],
  ]
  for (const [source, policies] of sources) {
    const by = findStatement(policies, 'Deny', inquiry)
    if (by) return { allowed: false, explicit: true, source, by }
  }
  const policy = inquiry.resourcePolicy
  const statement = policy?.statements.find(
    each =>
      each.effect === 'Deny' && namesCaller(each, inquiry.caller) && covers(each, inquiry, policy.name, true),
  )
  if (!policy || !statement) return undefined
  return { allowed: false, explicit: true, source: 'resource-based policy', by: label(policy, statement) }
}

const label = (policy: Policy, statement: Statement) =>
  `${policy.name}#${statement.sid ?? policy.statements.indexOf(statement)}`

function findStatement(
  policies: readonly Policy[],
  effect: 'Allow' | 'Deny',
  inquiry: Inquiry,
): string | undefined {
  for (const policy of policies) {
    const found = policy.statements.find(
      statement => statement.effect === effect && covers(statement, inquiry, policy.name, false),
    )
    if (found) return label(policy, found)
  }
  return undefined
}

function withinBoundary(inquiry: Inquiry): boolean {
  return !inquiry.boundary || findStatement([inquiry.boundary], 'Allow', inquiry) !== undefined
}

/** Whether the resource's policy allows the caller by name, or leaves it to the account's own policies. */
function grantOf(policy: Policy, inquiry: Inquiry): { direct: boolean; by: string } | undefined {
  let delegated: { direct: boolean; by: string } | undefined
  for (const statement of policy.statements) {
    if (statement.effect !== 'Allow' || !covers(statement, inquiry, policy.name, true)) continue
    const by = label(policy, statement)
    if (namesDirectly(statement, inquiry.caller)) return { direct: true, by }
    if (namesAccount(statement, inquiry.caller)) delegated = { direct: inquiry.caller.kind === 'root', by }
  }
  return delegated
}

function covers(statement: Statement, inquiry: Inquiry, policy: string, ofResource: boolean): boolean {
  return (
    coversAction(statement, inquiry.action) &&
    coversResource(statement, inquiry, ofResource) &&
    conditionsHold(statement, inquiry.context, policy)
  )
}

function coversAction(statement: Statement, action: string): boolean {
  const matches = (patterns: readonly string[]) =>
    patterns.some(pattern => matchesWildcard(pattern, action, true))
  return statement.actions ? matches(statement.actions) : !matches(statement.notActions ?? [])
}

function coversResource(statement: Statement, inquiry: Inquiry, ofResource: boolean): boolean {
  const matches = (patterns: readonly string[]) =>
    patterns.some(pattern => {
      const text = substitute(pattern, inquiry.context)
      return text !== undefined && matchesWildcard(text, inquiry.resource)
    })
  if (statement.resources) return matches(statement.resources)
  if (statement.notResources) return !matches(statement.notResources)
  // A trust policy names no resource: it is about its own role.
  return ofResource
}

function namesCaller(statement: Statement, caller: Caller): boolean {
  if (!statement.notPrincipal) return namesDirectly(statement, caller) || namesAccount(statement, caller)
  // The account in a NotPrincipal spares its root alone; a role must be named itself.
  return caller.kind === 'root'
    ? !account(statement.notPrincipal, caller)
    : !names(statement.notPrincipal, caller)
}

const namesDirectly = ({ principal, notPrincipal }: Statement, caller: Caller): boolean =>
  notPrincipal ? !names(notPrincipal, caller) : principal !== undefined && names(principal, caller)

const namesAccount = ({ principal }: Statement, caller: Caller): boolean =>
  principal !== undefined && account(principal, caller)

function names(principals: Principals, caller: Caller): boolean {
  if (principals === '*') return true
  if (caller.kind === 'service') return (principals.Service ?? []).some(name => name === caller.name)
  const arns = principals.AWS ?? []
  if (arns.includes('*')) return true
  return caller.kind === 'role' && (arns.includes(caller.roleArn) || arns.includes(caller.sessionArn))
}

function account(principals: Principals, caller: Caller): boolean {
  if (principals === '*' || caller.kind === 'service') return false
  const arns = principals.AWS ?? []
  return arns.includes(`arn:aws:iam::${caller.account}:root`) || arns.includes(caller.account)
}
