import { appendFileSync } from 'node:fs'
import {
  type Authorizer,
  type AuthorizerOptions,
  allowEverything,
  createAuthorizer,
} from './iam/authorizer.ts'
import type { TwinOptions } from './options.ts'
import { type Call, type Question, WireError } from './wire/call.ts'

/** IAM as the services of a twin ask it. */
export type Judge = {
  readonly authorizer: Authorizer
  /** Whether the caller may; nothing is thrown, a refusal is in the twin's log. */
  readonly may: (call: Call, question: Question) => boolean
  readonly allowsRole: (role: string, question: Question, region: string) => boolean
  /** For what a service does in the name of a role. @throws WireError AccessDeniedException */
  readonly demand: (role: string, region: string, question: Question) => void
}

/** The judge of a twin; it writes each refusal down, with the statement that was missing. */
export function judgeOver(
  { noIam, folder }: Pick<TwinOptions, 'noIam' | 'folder'>,
  options: Omit<AuthorizerOptions, 'onDenial'>,
  log: (text: string) => void,
): Judge {
  const onDenial: AuthorizerOptions['onDenial'] = denial => {
    const at = new Date(options.clock()).toISOString()
    appendFileSync(folder.denials, `${JSON.stringify({ at, ...denial })}\n`)
    log(`denied: ${denial.message}${denial.missing ? `; missing ${JSON.stringify(denial.missing)}` : ''}`)
  }
  const authorizer = noIam ? allowEverything : createAuthorizer({ ...options, onDenial })
  const allowsRole: Judge['allowsRole'] = (role, question, region) =>
    authorizer.allowsRole(role, question, region).allowed
  return {
    authorizer,
    allowsRole,
    may: (call, question) => {
      try {
        authorizer.authorize(call, [question])
        return true
      } catch (error) {
        if (error instanceof WireError) return false
        throw error
      }
    },
    demand: (role, region, question) => {
      if (allowsRole(role, question, region)) return
      throw new WireError(
        'AccessDeniedException',
        `User: ${role} is not authorized to perform: ${question.action} on resource: ${question.resource}`,
        403,
      )
    },
  }
}
