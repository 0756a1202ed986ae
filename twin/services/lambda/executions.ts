import type {
  CheckpointDurableExecutionRequest,
  CheckpointDurableExecutionResponse,
  Event,
  GetDurableExecutionHistoryRequest,
  GetDurableExecutionRequest,
  GetDurableExecutionResponse,
  GetDurableExecutionStateRequest,
  ListDurableExecutionsByFunctionRequest,
  SendDurableExecutionCallbackFailureRequest,
  SendDurableExecutionCallbackHeartbeatRequest,
  SendDurableExecutionCallbackSuccessRequest,
  StopDurableExecutionRequest,
} from '@aws-sdk/client-lambda'
import type { Execution } from '../../lambda/durable/execution.ts'
import { functionArn } from '../../lambda/functions.ts'
import type { Lambda } from '../../lambda/lambda.ts'
import type { Operation } from '../../wire/call.ts'
import { pageOf } from './shapes.ts'

/** The operations on durable executions: those that the SDK inside a handler calls, and those for people. */
export function executionOperations(lambda: Lambda): Record<string, Operation> {
  const { engine, functions } = lambda
  const on = (action: string) => (input: { DurableExecutionArn: string | undefined }) => [
    { action: `lambda:${action}`, resource: String(input.DurableExecutionArn) },
  ]
  const onCallback = (action: string) => (input: { CallbackId: string | undefined }) => [
    { action: `lambda:${action}`, resource: executionOfCallback(lambda, String(input.CallbackId)) },
  ]
  return {
    CheckpointDurableExecution: {
      questions: on('CheckpointDurableExecution'),
      run: (input: CheckpointDurableExecutionRequest): CheckpointDurableExecutionResponse => {
        const answer = engine.checkpoint(
          String(input.DurableExecutionArn),
          String(input.CheckpointToken),
          input.Updates ?? [],
          input.ClientToken,
        )
        return {
          CheckpointToken: answer.CheckpointToken,
          NewExecutionState: { Operations: [...answer.Operations] },
        }
      },
    },
    GetDurableExecutionState: {
      questions: on('GetDurableExecutionState'),
      run: (input: GetDurableExecutionStateRequest) => {
        const { operations, next } = engine.state(
          String(input.DurableExecutionArn),
          String(input.CheckpointToken),
          input.Marker,
          input.MaxItems || undefined,
        )
        return { Operations: [...operations], NextMarker: next }
      },
    },
    GetDurableExecution: {
      questions: on('GetDurableExecution'),
      run: (input: GetDurableExecutionRequest): GetDurableExecutionResponse => {
        const execution = engine.get(String(input.DurableExecutionArn))
        const { head, ending } = execution
        const data = input.IncludeExecutionData ?? true
        return {
          ...summaryOf(execution),
          Version: head.version,
          ...(data ? { InputPayload: head.input, Result: ending?.result } : {}),
          Error: ending?.error,
        } as GetDurableExecutionResponse
      },
    },
    GetDurableExecutionHistory: {
      questions: on('GetDurableExecutionHistory'),
      run: (input: GetDurableExecutionHistoryRequest) => {
        const { events } = engine.get(String(input.DurableExecutionArn))
        const ordered = input.ReverseOrder ? events.toReversed() : events
        const { items, next } = pageOf(ordered, input.Marker, input.MaxItems || 100)
        const data = input.IncludeExecutionData ?? false
        return { Events: data ? items : items.map(withoutData), NextMarker: next }
      },
    },
    ListDurableExecutionsByFunction: {
      questions: (input: ListDurableExecutionsByFunctionRequest, call) => {
        const { record } = functions.resolve(
          call.region,
          call.account,
          String(input.FunctionName),
          input.Qualifier,
        )
        return [
          {
            action: 'lambda:ListDurableExecutionsByFunction',
            resource: functionArn(record.region, record.account, record.name),
          },
        ]
      },
      run: (input: ListDurableExecutionsByFunctionRequest, call) => {
        const { record, qualifier, version } = functions.resolve(
          call.region,
          call.account,
          String(input.FunctionName),
          input.Qualifier,
        )
        const found = engine
          .all()
          .filter(
            ({ head }) =>
              head.region === record.region &&
              head.functionName === record.name &&
              (qualifier === undefined || head.version === version.version),
          )
          .filter(execution => isAsked(execution, input))
          .map(summaryOf)
        const ordered = input.ReverseOrder ? found : found.toReversed()
        const { items, next } = pageOf(ordered, input.Marker, input.MaxItems || 100)
        return { DurableExecutions: items, NextMarker: next }
      },
    },
    StopDurableExecution: {
      questions: on('StopDurableExecution'),
      run: (input: StopDurableExecutionRequest) => ({
        StopTimestamp: engine.stopExecution(String(input.DurableExecutionArn), input.Error),
      }),
    },
    SendDurableExecutionCallbackSuccess: {
      questions: onCallback('SendDurableExecutionCallbackSuccess'),
      run: (input: SendDurableExecutionCallbackSuccessRequest) => {
        const result = Buffer.from(input.Result ?? new Uint8Array()).toString('utf8')
        engine.answerCallback(String(input.CallbackId), result === '' ? {} : { result })
        return {}
      },
    },
    SendDurableExecutionCallbackFailure: {
      questions: onCallback('SendDurableExecutionCallbackFailure'),
      run: (input: SendDurableExecutionCallbackFailureRequest) => {
        engine.answerCallback(String(input.CallbackId), { error: input.Error ?? {} })
        return {}
      },
    },
    SendDurableExecutionCallbackHeartbeat: {
      questions: onCallback('SendDurableExecutionCallbackHeartbeat'),
      run: (input: SendDurableExecutionCallbackHeartbeatRequest) => {
        engine.heartbeat(String(input.CallbackId))
        return {}
      },
    },
  }
}

function executionOfCallback(lambda: Lambda, callbackId: string): string {
  const [id] = Buffer.from(callbackId, 'base64').toString().split(' ')
  return lambda.engine.all().find(({ head }) => head.id === id)?.head.arn ?? '*'
}

function isAsked(execution: Execution, input: ListDurableExecutionsByFunctionRequest): boolean {
  const { head, ending } = execution
  const status = ending?.status ?? 'RUNNING'
  return (
    (!input.DurableExecutionName || input.DurableExecutionName === head.name) &&
    (!input.Statuses?.length || input.Statuses.includes(status)) &&
    (!input.StartedAfter || head.startedAt > input.StartedAfter) &&
    (!input.StartedBefore || head.startedAt < input.StartedBefore)
  )
}

function summaryOf({ head, ending }: Execution) {
  return {
    DurableExecutionArn: head.arn,
    DurableExecutionName: head.name,
    FunctionArn: `${functionArn(head.region, head.account, head.functionName)}:${head.version}`,
    Status: ending?.status ?? ('RUNNING' as const),
    StartTimestamp: head.startedAt,
    EndTimestamp: ending?.at,
  }
}

// Without data an event keeps its shape; what was said is left out and marked as cut.
function withoutData(event: Event): Event {
  return Object.fromEntries(
    Object.entries(event).map(([key, value]) => {
      if (!key.endsWith('Details') || typeof value !== 'object' || value === null) return [key, value]
      const details = Object.entries(value).map(([name, inner]) =>
        ['Input', 'Result', 'Error'].includes(name) ? [name, { Truncated: true }] : [name, inner],
      )
      return [key, Object.fromEntries(details)]
    }),
  ) as Event
}
