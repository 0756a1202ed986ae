import type { RoleRecord, Roles } from '../../iam/roles.ts'
import {
  type Desired,
  hashOf,
  nameWithin,
  type Physical,
  type Provisioner,
  type Stored,
  tagsOf,
} from '../provisioner.ts'

/** Roles and their policies. Users and groups have no place in a stack of functions. */
export function identityProvisioners(roles: Roles): Record<string, Provisioner> {
  const putRole = async (desired: Desired): Promise<Physical> => {
    const { properties, account } = desired
    const name = String(properties.RoleName ?? nameWithin(desired, 64))
    const path = String(properties.Path ?? '/')
    const arn = `arn:aws:iam::${account}:role${path}${name}`
    const before = roles.records.get(arn)
    // Policies that stand in resources of their own stay with the role.
    const attached = Object.entries(before?.inline ?? {}).filter(([policy]) => policy.startsWith(ATTACHED))
    const role: RoleRecord = {
      arn,
      name,
      path,
      id: `AROA${hashOf(arn).toUpperCase().slice(0, 17)}`,
      createdAt: before?.createdAt ?? new Date().toISOString(),
      description: properties.Description,
      maxSessionSeconds: Number(properties.MaxSessionDuration ?? 3_600),
      trust: properties.AssumeRolePolicyDocument,
      inline: {
        ...Object.fromEntries(attached),
        ...Object.fromEntries(
          (properties.Policies ?? []).map((policy: { PolicyName: string; PolicyDocument: unknown }) => [
            policy.PolicyName,
            policy.PolicyDocument,
          ]),
        ),
      },
      managed: properties.ManagedPolicyArns ?? [],
      ...(properties.PermissionsBoundary ? { boundary: properties.PermissionsBoundary } : {}),
      tags: { ...desired.tags, ...tagsOf(properties.Tags) },
    }
    roles.put(role)
    return { ref: name, attributes: { Arn: arn, RoleId: role.id } }
  }
  const byName = (name: string) => {
    const role = roles.records.values().find(record => record.name === name)
    if (!role) throw new Error(`there is no role ${name}`)
    return role
  }
  const attach = async (desired: Desired): Promise<Physical> => {
    const { PolicyName, PolicyDocument, Roles: names = [], Users, Groups } = desired.properties
    if (Users?.length || Groups?.length)
      throw new Error('a policy of users or groups, which the twin does not have')
    const key = `${ATTACHED}${desired.stack.name}/${PolicyName}`
    for (const name of names) {
      const role = byName(name)
      roles.put({ ...role, inline: { ...role.inline, [key]: PolicyDocument } })
    }
    return { ref: desired.generatedName, attributes: { Id: desired.generatedName } }
  }
  const detach = async (before: Stored) => {
    const key = `${ATTACHED}${before.stack}/${before.properties.PolicyName}`
    for (const name of before.properties.Roles ?? []) {
      const role = byName(name)
      const { [key]: _gone, ...inline } = role.inline
      roles.put({ ...role, inline })
    }
  }
  const putManaged = async (desired: Desired): Promise<Physical> => {
    const { properties, account } = desired
    const name = String(properties.ManagedPolicyName ?? desired.generatedName)
    const arn = `arn:aws:iam::${account}:policy${properties.Path ?? '/'}${name}`
    roles.putManaged({ arn, name, document: properties.PolicyDocument })
    for (const roleName of properties.Roles ?? []) {
      const role = byName(roleName)
      roles.put({ ...role, managed: [...new Set([...role.managed, arn])] })
    }
    return { ref: arn, attributes: { PolicyArn: arn } }
  }
  return {
    'AWS::IAM::Role': {
      kind: 'real',
      create: putRole,
      update: putRole,
      remove: async before => roles.records.delete(String(before.attributes.Arn)),
    },
    'AWS::IAM::Policy': {
      kind: 'real',
      create: attach,
      update: async (desired, before) => {
        await detach(before)
        return attach(desired)
      },
      remove: detach,
    },
    'AWS::IAM::ManagedPolicy': { kind: 'real', create: putManaged, update: putManaged },
  }
}

// Marks an inline policy that another resource put there, so that the role's own can be told from it.
const ATTACHED = 'attached:'
