import type { AssumeRoleCommandInput } from '@aws-sdk/client-sts'
import * as schemas from '@aws-sdk/client-sts'
import { contextOf } from '../../iam/context.ts'
import { evaluate } from '../../iam/evaluate.ts'
import type { Identities } from '../../iam/identities.ts'
import type { Roles } from '../../iam/roles.ts'
import { type Call, type Service, WireError } from '../../wire/call.ts'

export type StsDependencies = {
  readonly account: string
  readonly clock: () => number
  readonly identities: Identities
  readonly roles: Roles
}

const DEFAULT_SECONDS = 3600

const denied = (call: Call, role: string) =>
  new WireError(
    'AccessDenied',
    `User: ${call.principal.arn} is not authorized to perform: sts:AssumeRole on resource: ${role}`,
    403,
  )

/** The role's trust must name the caller, or the account, in which case the caller's own policies must allow it, too. */
function assertTrusted(dependencies: StsDependencies, call: Call, role: string): void {
  const { roles, account } = dependencies
  const target = roles.policiesOf(role)
  if (!target) throw denied(call, role)
  const { roleArn, arn } = call.principal
  const isRoot = roleArn.endsWith(':root')
  const decision = evaluate({
    caller: isRoot ? { kind: 'root', account } : { kind: 'role', roleArn, sessionArn: arn, account },
    action: 'sts:AssumeRole',
    resource: role,
    context: contextOf({ 'aws:PrincipalArn': roleArn, 'aws:PrincipalAccount': account }),
    identityPolicies: isRoot ? [] : (roles.policiesOf(roleArn)?.identity ?? []),
    resourcePolicy: target.trust,
    resourcePolicyDecides: true,
  })
  if (!decision.allowed) throw denied(call, role)
}

function assume(dependencies: StsDependencies, input: AssumeRoleCommandInput, call: Call) {
  const role = input.RoleArn ?? ''
  assertTrusted(dependencies, call, role)
  const seconds = input.DurationSeconds ?? DEFAULT_SECONDS
  const most = dependencies.roles.records.get(role)?.maxSessionSeconds ?? DEFAULT_SECONDS
  if (seconds > most) {
    const message = 'The requested DurationSeconds exceeds the MaxSessionDuration set for this role.'
    throw new WireError('ValidationError', message)
  }
  const expires = dependencies.clock() + seconds * 1000
  const identity = dependencies.identities.session(role, input.RoleSessionName ?? '', expires)
  return {
    Credentials: {
      AccessKeyId: identity.principal.accessKeyId,
      SecretAccessKey: identity.secretAccessKey,
      SessionToken: identity.sessionToken,
      Expiration: new Date(expires),
    },
    AssumedRoleUser: { Arn: identity.principal.arn, AssumedRoleId: `AROA:${input.RoleSessionName}` },
  }
}

/** The twin's STS: who am I, and may I be that role. */
export function createSts(dependencies: StsDependencies): Service {
  return {
    name: 'sts',
    schemas,
    protocol: 'query',
    operations: {
      // AWS answers this one to everybody.
      GetCallerIdentity: {
        questions: () => [],
        run: (_: unknown, call) => ({
          Account: call.account,
          Arn: call.principal.arn,
          UserId: call.principal.roleArn.endsWith(':root')
            ? call.account
            : `AROA${call.principal.accessKeyId.slice(4)}:${call.principal.arn.split('/').at(-1)}`,
        }),
      },
      AssumeRole: {
        // The trust policy is judged with the operation itself.
        questions: () => [],
        run: (input: AssumeRoleCommandInput, call) => assume(dependencies, input, call),
      },
    },
  }
}
