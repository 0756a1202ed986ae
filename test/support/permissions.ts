import { contextOf } from '../../twin/iam/context.ts'
import { parsePolicy } from '../../twin/iam/document.ts'
import { evaluate } from '../../twin/iam/evaluate.ts'
import type { Template } from './assembly.ts'
import { plain } from './plain.ts'

/** What a synthesized function's role answers to one call: judged by the twin's reading of IAM, which never saw our code. */
export type Judge = (
  action: string,
  resource: string,
  context?: Readonly<Record<string, string>>,
) => 'allowed' | 'denied' | 'not allowed'

/** The judge of the verb's role in that template, e.g. `RestoreDrill`. @throws when it has no policy */
export function judgeOf(template: Template, verb: string): Judge {
  const found = Object.entries(template.Resources).filter(
    ([id, resource]) => resource.Type === 'AWS::IAM::Policy' && id.startsWith(`Functions${verb}Role`),
  )
  if (found.length === 0) throw new Error(`no policy for ${verb}`)
  const identityPolicies = found.map(([id, policy]) =>
    parsePolicy(id, plain(policy.Properties.PolicyDocument)),
  )
  return (action, resource, context = {}) => {
    const decision = evaluate({
      caller: {
        kind: 'role',
        roleArn: 'arn:aws:iam::111111111111:role/any',
        sessionArn: 'arn:aws:sts::111111111111:assumed-role/any/session',
        account: '111111111111',
      },
      action,
      resource,
      context: contextOf({ 'aws:RequestedRegion': resource.split(':')[3] ?? '', ...context }),
      identityPolicies,
    })
    if (decision.allowed) return 'allowed'
    return decision.explicit ? 'denied' : 'not allowed'
  }
}
