import { randomUUID } from 'node:crypto'
import { InvokeCommand, type LambdaClient, StopDurableExecutionCommand } from '@aws-sdk/client-lambda'
import type { CleanUpRequest, DrillRequestInput } from '../../lambdas/restore-drill/request.ts'

/** Starts a drill, or cleaning up after one, and returns its execution's ARN. @param functionArn with its alias: durable functions want one */
export async function startDrill(
  lambda: LambdaClient,
  functionArn: string,
  request: DrillRequestInput | CleanUpRequest,
): Promise<string> {
  const answer = await lambda.send(
    new InvokeCommand({
      FunctionName: functionArn,
      InvocationType: 'Event',
      DurableExecutionName: `drill-${randomUUID()}`,
      Payload: JSON.stringify(request),
    }),
  )
  if (answer.DurableExecutionArn === undefined)
    throw new Error(`lambda started ${functionArn} without an execution: is it a durable function?`)
  return answer.DurableExecutionArn
}

/** Stops the drill and has the same function delete its copy. Returns the cleaning execution's ARN. */
export async function stopDrill(
  lambda: LambdaClient,
  functionArn: string,
  execution: string,
  requestedBy: string,
): Promise<string> {
  await lambda.send(
    new StopDurableExecutionCommand({
      DurableExecutionArn: execution,
      Error: { ErrorType: 'Stopped', ErrorMessage: `stopped by ${requestedBy}` },
    }),
  )
  return startDrill(lambda, functionArn, { cleanUp: execution, requestedBy })
}
