import type { Collection } from '../state/collection.ts'
import { type Policy, parsePolicy } from './document.ts'
import { awsManagedPolicy, isAwsManaged } from './managed.ts'

/** A role as the template made it. Documents are kept as they came. */
export type RoleRecord = {
  readonly arn: string
  readonly name: string
  readonly path: string
  readonly id: string
  readonly createdAt: string
  readonly description?: string
  readonly maxSessionSeconds: number
  readonly trust: unknown
  /** Inline policies by name. */
  readonly inline: Readonly<Record<string, unknown>>
  /** ARNs of managed policies, AWS's and the account's own. */
  readonly managed: readonly string[]
  /** ARN of the permissions boundary. */
  readonly boundary?: string
  readonly tags: Readonly<Record<string, string>>
}

/** A managed policy of the account. */
export type ManagedPolicyRecord = { readonly arn: string; readonly name: string; readonly document: unknown }

/** What bears on a role when it calls. */
export type RolePolicies = {
  readonly identity: readonly Policy[]
  readonly boundary?: Policy
  readonly trust: Policy
}

/** The roles and managed policies of a twin, read for each judgement and parsed once. */
export type Roles = {
  readonly records: Collection<RoleRecord>
  readonly managed: Collection<ManagedPolicyRecord>
  /** Checks every document before it is kept: a policy that IAM would refuse is refused here, too. */
  put(role: RoleRecord): void
  putManaged(policy: ManagedPolicyRecord): void
  /** The one role with this in its name, for a person who does not know the rest of it. */
  named(part: string): RoleRecord
  /** Undefined for a role that is not there. */
  policiesOf(roleArn: string): RolePolicies | undefined
}

/** The roles kept in these collections. */
export function createRoles(
  records: Collection<RoleRecord>,
  managed: Collection<ManagedPolicyRecord>,
): Roles {
  const parsed = new Map<string, { role: RoleRecord; policies: RolePolicies }>()
  const managedPolicy = (arn: string): Policy => {
    if (isAwsManaged(arn)) return awsManagedPolicy(arn)
    const found = managed.get(arn)
    if (!found) throw new Error(`there is no managed policy ${arn}. HINT: create the policy before the role`)
    return parsePolicy(found.name, found.document)
  }
  const read = (role: RoleRecord): RolePolicies => ({
    identity: [
      ...Object.entries(role.inline).map(([name, document]) => parsePolicy(`${role.name}/${name}`, document)),
      ...role.managed.map(managedPolicy),
    ],
    ...(role.boundary && { boundary: managedPolicy(role.boundary) }),
    trust: parsePolicy(`${role.name}/trust`, role.trust),
  })
  return {
    records,
    managed,
    put: role => {
      parsed.set(role.arn, { role, policies: read(role) })
      records.set(role.arn, role)
    },
    putManaged: policy => {
      parsePolicy(policy.name, policy.document)
      managed.set(policy.arn, policy)
      parsed.clear()
    },
    named: part => {
      const all = records.values()
      const [only, ...others] = all.filter(role => role.name.includes(part))
      if (only && others.length === 0) return only
      throw new Error(
        `${only ? others.length + 1 : 0} roles have ${part} in their name\nHINT: there are ${all.map(role => role.name).join(', ')}`,
      )
    },
    policiesOf: roleArn => {
      const role = records.get(roleArn)
      if (!role) return undefined
      const known = parsed.get(roleArn)
      if (known?.role === role) return known.policies
      const policies = read(role)
      parsed.set(roleArn, { role, policies })
      return policies
    },
  }
}
