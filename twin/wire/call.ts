/** Who calls: the role behind the access key of the request, or the account's root for a person at the keyboard. */
export type Principal = {
  readonly accessKeyId: string
  /** `arn:aws:iam::<account>:role/<name>`, or `arn:aws:iam::<account>:root`. */
  readonly roleArn: string
  /** What `sts:GetCallerIdentity` answers. */
  readonly arn: string
}

/** One request to one operation, after its signature's scope was read and before its permission was judged. */
export type Call = {
  readonly requestId: string
  /** Signing name, e.g. `rds`, `s3`, `lambda`, `monitoring`. */
  readonly service: string
  readonly region: string
  readonly account: string
  /** Operation name as the SDK's schema says it, e.g. `DescribeDBInstances`. */
  readonly operation: string
  readonly principal: Principal
}

/** One thing that IAM is asked before an operation runs. All questions of a call must be allowed. */
export type Question = {
  /** `rds:DeleteDBInstance` */
  readonly action: string
  /** Full ARN, or `*` for an action without resource-level permissions. */
  readonly resource: string
  /** Condition keys and values of this call: `aws:ResourceTag/x`, `aws:RequestTag/x`, `aws:TagKeys`, `rds:DatabaseClass`, … */
  readonly context?: Readonly<Record<string, string | readonly string[]>>
}

/** An operation as the twin does it. Input and output have the shapes of the SDK's command input and output. */
// biome-ignore lint/suspicious/noExplicitAny: each table narrows its operations with the SDK's own types
export type Operation<Input = any, Output = any> = {
  /** What IAM must allow, worked out from the input and the state before anything happens. */
  readonly questions: (input: Input, call: Call) => readonly Question[]
  readonly run: (input: Input, call: Call) => Output | Promise<Output>
}

/** One service: its signing name, its SDK package's schemas and the operations that the twin has. Any other operation is refused by name. */
export type Service = {
  readonly name: string
  /** The SDK client's module namespace (`import * as rds from '@aws-sdk/client-rds'`): its exports ending in `$` are the schemas. */
  readonly schemas: Readonly<Record<string, unknown>>
  readonly protocol: 'query' | 'json1.0' | 'json1.1' | 'rest-json' | 'rest-xml'
  /** Where a global service takes its changes, whatever region signed the call; none answers while that one is lost. */
  readonly home?: string
  readonly operations: Readonly<Record<string, Operation>>
}

/** A refusal as AWS words it on the wire. `code` is the wire code (`DBInstanceNotFound`), not the SDK's class name. */
export class WireError extends Error {
  readonly code: string
  readonly status: number
  readonly fields: Readonly<Record<string, unknown>>

  constructor(code: string, message: string, status = 400, fields: Readonly<Record<string, unknown>> = {}) {
    super(message)
    this.name = 'WireError'
    this.code = code
    this.status = status
    this.fields = fields
  }
}
