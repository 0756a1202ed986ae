import { InvokeCommand, type LambdaClient } from '@aws-sdk/client-lambda'
import { Refusal } from '../../lambdas/runtime/failure.ts'

/** Invokes a function and returns what it answered. @throws Refusal `FunctionFailed` with the function's own sentence */
export async function invokeFunction<T>(lambda: LambdaClient, arn: string, payload: unknown): Promise<T> {
  const answer = await lambda.send(new InvokeCommand({ FunctionName: arn, Payload: JSON.stringify(payload) }))
  const text = Buffer.from(answer.Payload ?? []).toString('utf8')
  if (answer.FunctionError === undefined) return JSON.parse(text) as T
  const { errorMessage } = JSON.parse(text) as { errorMessage?: string }
  throw new Refusal(
    'FunctionFailed',
    `${arn} failed: ${errorMessage ?? text}`,
    'read its log group; every line of it carries the request id',
  )
}

/** Starts a function and does not wait for what it answers. */
export async function startFunction(lambda: LambdaClient, arn: string): Promise<void> {
  await lambda.send(new InvokeCommand({ FunctionName: arn, InvocationType: 'Event', Payload: '{}' }))
}
