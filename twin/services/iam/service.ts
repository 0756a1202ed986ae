import type { SimulatePrincipalPolicyCommandInput } from '@aws-sdk/client-iam'
import * as schemas from '@aws-sdk/client-iam'
import { contextOf } from '../../iam/context.ts'
import { evaluate } from '../../iam/evaluate.ts'
import type { RoleRecord, Roles } from '../../iam/roles.ts'
import { type Operation, type Service, WireError } from '../../wire/call.ts'
import { anywhere, resourceTagContext } from '../dependencies.ts'

export type IamDependencies = { readonly account: string; readonly roles: Roles }

/** The twin's IAM API: it reads roles and answers what they may. Roles are made by the deployment. */
export function createIam(dependencies: IamDependencies): Service {
  return {
    name: 'iam',
    schemas,
    protocol: 'query',
    operations: { ...roleOperations(dependencies), ...simulation(dependencies) },
  }
}

const show = (role: RoleRecord) => ({
  Path: role.path,
  RoleName: role.name,
  RoleId: role.id,
  Arn: role.arn,
  CreateDate: new Date(role.createdAt),
  AssumeRolePolicyDocument: encodeURIComponent(JSON.stringify(role.trust)),
  Description: role.description,
  MaxSessionDuration: role.maxSessionSeconds,
  ...(role.boundary && {
    PermissionsBoundary: { PermissionsBoundaryType: 'Policy', PermissionsBoundaryArn: role.boundary },
  }),
  Tags: Object.entries(role.tags).map(([Key, Value]) => ({ Key, Value })),
})

type Named = { readonly RoleName?: string; readonly PolicyName?: string }

function roleOperations({ account, roles }: IamDependencies): Record<string, Operation> {
  const find = (name: string | undefined) => roles.records.values().find(role => role.name === name)
  const requireRole = (name: string | undefined): RoleRecord => {
    const role = find(name)
    if (!role) throw new WireError('NoSuchEntity', `The role with name ${name} cannot be found.`, 404)
    return role
  }
  const on = (action: string) => (input: Named) => {
    const role = find(input.RoleName)
    const resource = role?.arn ?? `arn:aws:iam::${account}:role/${input.RoleName}`
    return [{ action, resource, context: resourceTagContext(role?.tags) }]
  }
  return {
    GetRole: {
      questions: on('iam:GetRole'),
      run: (input: Named) => ({ Role: show(requireRole(input.RoleName)) }),
    },
    ListRoles: {
      questions: () => anywhere('iam:ListRoles'),
      run: () => ({ Roles: roles.records.values().map(show), IsTruncated: false }),
    },
    ListRolePolicies: {
      questions: on('iam:ListRolePolicies'),
      run: (input: Named) => ({
        PolicyNames: Object.keys(requireRole(input.RoleName).inline),
        IsTruncated: false,
      }),
    },
    GetRolePolicy: {
      questions: on('iam:GetRolePolicy'),
      run: (input: Named) => {
        const document = requireRole(input.RoleName).inline[input.PolicyName ?? '']
        if (document === undefined) {
          throw new WireError(
            'NoSuchEntity',
            `The role policy with name ${input.PolicyName} cannot be found.`,
            404,
          )
        }
        return {
          RoleName: input.RoleName,
          PolicyName: input.PolicyName,
          PolicyDocument: encodeURIComponent(
            typeof document === 'string' ? document : JSON.stringify(document),
          ),
        }
      },
    },
    ListAttachedRolePolicies: {
      questions: on('iam:ListAttachedRolePolicies'),
      run: (input: Named) => ({
        AttachedPolicies: requireRole(input.RoleName).managed.map(arn => ({
          PolicyName: arn.split('/').at(-1),
          PolicyArn: arn,
        })),
        IsTruncated: false,
      }),
    },
  }
}

function simulation({ account, roles }: IamDependencies): Record<string, Operation> {
  return {
    SimulatePrincipalPolicy: {
      questions: (input: SimulatePrincipalPolicyCommandInput) => [
        { action: 'iam:SimulatePrincipalPolicy', resource: input.PolicySourceArn ?? '' },
      ],
      run: (input: SimulatePrincipalPolicyCommandInput) => {
        const policies = roles.policiesOf(input.PolicySourceArn ?? '')
        if (!policies)
          throw new WireError('NoSuchEntity', `The role ${input.PolicySourceArn} cannot be found.`, 404)
        const context = contextOf(
          Object.fromEntries(
            (input.ContextEntries ?? []).map(({ ContextKeyName, ContextKeyValues }) => [
              ContextKeyName ?? '',
              ContextKeyValues ?? [],
            ]),
          ),
        )
        const roleArn = input.PolicySourceArn ?? ''
        const EvaluationResults = (input.ActionNames ?? []).flatMap(action =>
          (input.ResourceArns ?? ['*']).map(resource => {
            const decision = evaluate({
              caller: { kind: 'role', roleArn, sessionArn: roleArn, account },
              action,
              resource,
              context,
              identityPolicies: policies.identity,
              ...(policies.boundary && { boundary: policies.boundary }),
            })
            const EvalDecision = decision.allowed
              ? 'allowed'
              : decision.explicit
                ? 'explicitDeny'
                : 'implicitDeny'
            return {
              EvalActionName: action,
              EvalResourceName: resource,
              EvalDecision,
              MatchedStatements: [],
              MissingContextValues: [],
            }
          }),
        )
        return { EvaluationResults, IsTruncated: false }
      },
    },
  }
}
