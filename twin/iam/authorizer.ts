import { type Call, type Question, WireError } from '../wire/call.ts'
import { type Context, contextOf } from './context.ts'
import { type Policy, parsePolicy } from './document.ts'
import { type Caller, type Decision, evaluate } from './evaluate.ts'
import type { Roles } from './roles.ts'

/** One refusal, with the statement that would have allowed it, ready for a policy. */
export type Denial = {
  readonly caller: string
  readonly action: string
  readonly resource: string
  readonly message: string
  /** Undefined when a statement denies: nothing that is added helps. */
  readonly missing?: { readonly Effect: 'Allow'; readonly Action: string; readonly Resource: string }
  readonly context: Readonly<Record<string, readonly string[]>>
}

/** Answers the policy document of a resource, or undefined when it has none. Asked with the resource's ARN. */
export type ResourcePolicyReader = (arn: string) => unknown

export type AuthorizerOptions = {
  readonly roles: Roles
  readonly account: string
  /** By the service of the resource's ARN (`s3`, `kms`, `sns`, `secretsmanager`, `lambda`, `backup`). */
  readonly resourcePolicies: Readonly<Record<string, ResourcePolicyReader>>
  /** Milliseconds. */
  readonly clock: () => number
  /** Told of each refusal. */
  readonly onDenial?: (denial: Denial) => void
}

/** Judges calls by the deployed policies. */
export type Authorizer = {
  /** For the listener: throws AccessDenied as the service words it when one question is not allowed. */
  authorize(call: Call, questions: readonly Question[]): void
  /** Whether the caller may, for an operation whose answer depends on it; nothing is logged. */
  may(call: Call, question: Question): boolean
  /** Whether an AWS service (`cloudwatch.amazonaws.com`) may act on a resource, by the resource's own policy. */
  allowsService(service: string, question: Question, region: string): Decision
  /** Whether a role may, for a service that acts in its name (a scheduler that invokes a function). */
  allowsRole(roleArn: string, question: Question, region: string): Decision
}

const SECURE_LOOPBACK = {
  // Policies that insist on TLS mean the network between machines; the twin's loopback has none.
  'aws:SecureTransport': 'true',
  'aws:SourceIp': '127.0.0.1',
  'aws:ViaAWSService': 'false',
}

/** The authorizer over these roles and resource policies. */
export function createAuthorizer(options: AuthorizerOptions): Authorizer {
  const { account, roles } = options
  const decide = (caller: Caller, question: Question, region: string): [Decision, Context] => {
    const context = contextFor(caller, question, region, options)
    const policies = caller.kind === 'role' ? roles.policiesOf(caller.roleArn) : undefined
    const resourcePolicy = resourcePolicyOf(question.resource, options)
    const decision = evaluate({
      caller,
      action: question.action,
      resource: question.resource,
      context,
      identityPolicies: policies?.identity ?? [],
      ...(policies?.boundary && { boundary: policies.boundary }),
      ...(resourcePolicy && { resourcePolicy }),
      resourcePolicyDecides: question.action.startsWith('kms:') && resourcePolicy !== undefined,
    })
    return [decision, context]
  }
  return {
    authorize: (call, questions) => {
      const caller = callerOf(call, account)
      for (const question of questions) {
        const [decision, context] = decide(caller, question, call.region)
        if (!decision.allowed) throw refuse(call, question, decision, context, options.onDenial)
      }
    },
    may: (call, question) => decide(callerOf(call, account), question, call.region)[0].allowed,
    allowsService: (name, question, region) =>
      decide({ kind: 'service', name, account }, question, region)[0],
    allowsRole: (roleArn, question, region) =>
      decide({ kind: 'role', roleArn, sessionArn: roleArn, account }, question, region)[0],
  }
}

/** The authorizer of `--no-iam`: everything is allowed. */
export const allowEverything: Authorizer = {
  authorize: () => {},
  may: () => true,
  allowsService: () => ({ allowed: true, by: '--no-iam' }),
  allowsRole: () => ({ allowed: true, by: '--no-iam' }),
}

function callerOf(call: Call, account: string): Caller {
  const { roleArn, arn } = call.principal
  return roleArn.endsWith(':root')
    ? { kind: 'root', account }
    : { kind: 'role', roleArn, sessionArn: arn, account }
}

function contextFor(caller: Caller, question: Question, region: string, options: AuthorizerOptions): Context {
  const now = options.clock()
  const role = caller.kind === 'role' ? options.roles.records.get(caller.roleArn) : undefined
  const service = caller.kind === 'service'
  return contextOf(
    SECURE_LOOPBACK,
    {
      'aws:CurrentTime': new Date(now).toISOString(),
      'aws:EpochTime': String(Math.floor(now / 1000)),
      'aws:RequestedRegion': region,
      'aws:PrincipalIsAWSService': String(service),
      'aws:PrincipalType':
        caller.kind === 'role' ? 'AssumedRole' : caller.kind === 'root' ? 'Account' : 'Service',
      ...(!service && {
        'aws:PrincipalAccount': caller.account,
        'aws:PrincipalArn': caller.kind === 'role' ? caller.roleArn : `arn:aws:iam::${caller.account}:root`,
        'aws:userid': caller.kind === 'role' ? (caller.sessionArn.split('/').at(-1) ?? '') : caller.account,
        'aws:ResourceAccount': caller.account,
        'kms:CallerAccount': caller.account,
      }),
      ...Object.fromEntries(
        Object.entries(role?.tags ?? {}).map(([key, value]) => [`aws:PrincipalTag/${key}`, value]),
      ),
    },
    question.context,
  )
}

const documents = new WeakMap<object, Policy>()

function resourcePolicyOf(arn: string, options: AuthorizerOptions): Policy | undefined {
  const service = arn.split(':')[2] ?? ''
  const document = options.resourcePolicies[service]?.(arn)
  if (document === undefined || document === null) return undefined
  if (typeof document !== 'object') return parsePolicy(arn, document)
  const known = documents.get(document)
  if (known) return known
  const policy = parsePolicy(arn, document)
  documents.set(document, policy)
  return policy
}

/** The code and status by which a service says that the caller may not. */
const REFUSALS: Readonly<Record<string, readonly [string, number]>> = {
  kms: ['AccessDeniedException', 400],
  secretsmanager: ['AccessDeniedException', 400],
  ssm: ['AccessDeniedException', 400],
  logs: ['AccessDeniedException', 400],
  events: ['AccessDeniedException', 400],
  lambda: ['AccessDeniedException', 403],
  scheduler: ['AccessDeniedException', 403],
  backup: ['AccessDeniedException', 403],
  sns: ['AuthorizationError', 403],
}

function refuse(
  call: Call,
  question: Question,
  decision: Exclude<Decision, { allowed: true }>,
  context: Context,
  onDenial: AuthorizerOptions['onDenial'],
): WireError {
  const { action, resource } = question
  const because = decision.explicit
    ? `with an explicit deny in ${article(decision.source)} ${decision.source}`
    : `because no ${decision.source} allows the ${action} action`
  const message = `User: ${call.principal.arn} is not authorized to perform: ${action} on resource: ${resource} ${because}`
  onDenial?.({
    caller: call.principal.roleArn,
    action,
    resource,
    message: decision.explicit ? `${message} (${decision.by})` : message,
    ...(!decision.explicit && { missing: { Effect: 'Allow', Action: action, Resource: resource } }),
    context: Object.fromEntries(context),
  })
  const [code, status] = REFUSALS[call.service] ?? ['AccessDenied', 403]
  return new WireError(code, message, status)
}

const article = (source: string) => (source.startsWith('i') ? 'an' : 'a')
