import { randomUUID } from 'node:crypto'
import type {
  GetFunctionRequest,
  InvocationRequest,
  InvocationResponse,
  ListFunctionsRequest,
  ListVersionsByFunctionRequest,
  PublishVersionRequest,
  PutFunctionConcurrencyRequest,
  PutFunctionEventInvokeConfigRequest,
  UpdateFunctionConfigurationRequest,
} from '@aws-sdk/client-lambda'
import type { FunctionRecord } from '../../lambda/functions.ts'
import { functionArn } from '../../lambda/functions.ts'
import { invokeQuestion, type Lambda } from '../../lambda/lambda.ts'
import { type Call, type Operation, type Question, WireError } from '../../wire/call.ts'
import { aliasOperations } from './aliases.ts'
import { configurationOf, eventInvokeOf, missing, pageOf } from './shapes.ts'

type Named = { readonly FunctionName: string | undefined; readonly Qualifier?: string | undefined }

const SYNC_BYTES = 6_291_456
const ASYNC_BYTES = 1_048_576

/** The operations on functions, versions, aliases and calls. */
export function functionOperations(lambda: Lambda): Record<string, Operation> {
  const { functions } = lambda
  const resolve = (input: Named, call: Call) =>
    functions.resolve(call.region, call.account, String(input.FunctionName), input.Qualifier)
  const recordOf = (input: { readonly FunctionName: string | undefined }, call: Call): FunctionRecord =>
    resolve({ FunctionName: input.FunctionName }, call).record
  const on =
    (action: string) =>
    (input: Named, call: Call): Question[] => {
      const { record, qualifier } = resolve(input, call)
      const arn = functionArn(record.region, record.account, record.name)
      return [
        {
          action: `lambda:${action}`,
          resource: qualifier ? `${arn}:${qualifier}` : arn,
          context: tagContext(record),
        },
      ]
    }
  const onFunction = (action: string) => (input: { FunctionName: string | undefined }, call: Call) =>
    on(action)({ FunctionName: input.FunctionName }, call)
  return {
    Invoke: {
      questions: (input: InvocationRequest, call) => [invokeQuestion(resolve(input, call))],
      run: (input: InvocationRequest, call) => invoke(lambda, input, resolve(input, call)),
    },
    GetFunction: {
      questions: on('GetFunction'),
      run: (input: GetFunctionRequest, call) => {
        const { record, version, qualifier } = resolve(input, call)
        return {
          Configuration: configurationOf(record, version, qualifier),
          Code: { RepositoryType: 'S3', Location: `file://${version.codeDirectory}` },
          Tags: { ...record.tags },
          ...(record.reservedConcurrency === undefined
            ? {}
            : { Concurrency: { ReservedConcurrentExecutions: record.reservedConcurrency } }),
        }
      },
    },
    GetFunctionConfiguration: {
      questions: on('GetFunctionConfiguration'),
      run: (input: GetFunctionRequest, call) => {
        const { record, version, qualifier } = resolve(input, call)
        return configurationOf(record, version, qualifier)
      },
    },
    UpdateFunctionConfiguration: {
      questions: onFunction('UpdateFunctionConfiguration'),
      run: (input: UpdateFunctionConfigurationRequest, call) => {
        const record = recordOf(input, call)
        const latest = {
          ...record.latest,
          timeout: input.Timeout ?? record.latest.timeout,
          memorySize: input.MemorySize ?? record.latest.memorySize,
          environment: input.Environment?.Variables ?? record.latest.environment,
          description: input.Description ?? record.latest.description,
          revisionId: randomUUID(),
          lastModified: new Date().toISOString(),
        }
        return configurationOf(functions.save({ ...record, latest }), latest, undefined)
      },
    },
    ListFunctions: {
      questions: () => [{ action: 'lambda:ListFunctions', resource: '*' }],
      run: (input: ListFunctionsRequest, call) => {
        const all = functions
          .all(call.region)
          .flatMap(record => [
            configurationOf(record, record.latest, undefined),
            ...(input.FunctionVersion === 'ALL'
              ? Object.values(record.versions).map(version =>
                  configurationOf(record, version, version.version),
                )
              : []),
          ])
        const { items, next } = pageOf(all, input.Marker, input.MaxItems)
        return { Functions: items, NextMarker: next }
      },
    },
    ListVersionsByFunction: {
      questions: onFunction('ListVersionsByFunction'),
      run: (input: ListVersionsByFunctionRequest, call) => {
        const record = recordOf(input, call)
        const all = [record.latest, ...Object.values(record.versions)].map(version =>
          configurationOf(record, version, version.version),
        )
        const { items, next } = pageOf(all, input.Marker, input.MaxItems)
        return { Versions: items, NextMarker: next }
      },
    },
    PublishVersion: {
      questions: onFunction('PublishVersion'),
      run: (input: PublishVersionRequest, call) => {
        const { region, account, name } = recordOf(input, call)
        const version = functions.publish(region, account, name, input.Description)
        return configurationOf(functions.get(region, account, name), version, version.version)
      },
    },
    PutFunctionConcurrency: {
      questions: onFunction('PutFunctionConcurrency'),
      run: (input: PutFunctionConcurrencyRequest, call) => {
        functions.save({
          ...recordOf(input, call),
          reservedConcurrency: input.ReservedConcurrentExecutions,
        })
        return { ReservedConcurrentExecutions: input.ReservedConcurrentExecutions }
      },
    },
    GetFunctionConcurrency: {
      questions: onFunction('GetFunctionConcurrency'),
      run: (input: Named, call) => ({
        ReservedConcurrentExecutions: recordOf(input, call).reservedConcurrency,
      }),
    },
    DeleteFunctionConcurrency: {
      questions: onFunction('DeleteFunctionConcurrency'),
      run: (input: Named, call) => {
        functions.save({ ...recordOf(input, call), reservedConcurrency: undefined })
        return {}
      },
    },
    PutFunctionEventInvokeConfig: {
      questions: on('PutFunctionEventInvokeConfig'),
      run: (input: PutFunctionEventInvokeConfigRequest, call) => {
        const { record, qualifier = '$LATEST' } = resolve(input, call)
        const config = {
          maximumRetryAttempts: input.MaximumRetryAttempts ?? 2,
          maximumEventAge: input.MaximumEventAgeInSeconds ?? 21_600,
          onSuccess: input.DestinationConfig?.OnSuccess?.Destination,
          onFailure: input.DestinationConfig?.OnFailure?.Destination,
          lastModified: new Date().toISOString(),
        }
        functions.save({ ...record, eventInvoke: { ...record.eventInvoke, [qualifier]: config } })
        return eventInvokeOf(record, qualifier, config)
      },
    },
    GetFunctionEventInvokeConfig: {
      questions: on('GetFunctionEventInvokeConfig'),
      run: (input: Named, call) => {
        const { record, qualifier = '$LATEST', invokedArn } = resolve(input, call)
        const config = record.eventInvoke[qualifier]
        if (!config) throw missing(`The function ${invokedArn} doesn't have an EventInvokeConfig`)
        return eventInvokeOf(record, qualifier, config)
      },
    },
    GetPolicy: {
      questions: on('GetPolicy'),
      run: (input: Named, call) => policyOf(resolve(input, call).record),
    },
    ListTags: {
      questions: (input: { Resource: string }, call) =>
        onFunction('ListTags')({ FunctionName: input.Resource }, call),
      run: (input: { Resource: string }, call) => ({
        Tags: { ...recordOf({ FunctionName: input.Resource }, call).tags },
      }),
    },
    ...aliasOperations(lambda, recordOf, onFunction),
  }
}

async function invoke(
  lambda: Lambda,
  input: InvocationRequest,
  target: ReturnType<Lambda['functions']['resolve']>,
): Promise<InvocationResponse> {
  const type = input.InvocationType ?? 'RequestResponse'
  const bytes = input.Payload?.length ?? 0
  const limit = type === 'Event' ? ASYNC_BYTES : SYNC_BYTES
  if (bytes > limit)
    throw new WireError(
      'RequestTooLargeException',
      `${limit} byte payload is too large for the ${type} invocation type (limit ${limit} bytes)`,
      413,
      { Type: 'User' },
    )
  const payload = Buffer.from(input.Payload ?? new Uint8Array()).toString('utf8')
  const options = { name: input.DurableExecutionName, clientContext: clientContextOf(input.ClientContext) }
  if (type === 'DryRun') return { StatusCode: 204 }
  if (type === 'Event') {
    const arn = lambda.invokeLater(target, payload, options)
    return { StatusCode: 202, ...(arn ? { DurableExecutionArn: arn } : {}) }
  }
  const done = await lambda.invoke(target, payload, options)
  return {
    StatusCode: 200,
    ExecutedVersion: done.executedVersion,
    Payload: Buffer.from(done.payload) as InvocationResponse['Payload'],
    ...(done.error ? { FunctionError: 'Unhandled' } : {}),
    ...(input.LogType === 'Tail' ? { LogResult: Buffer.from(done.tail).toString('base64') } : {}),
    ...(done.executionArn ? { DurableExecutionArn: done.executionArn } : {}),
  }
}

function clientContextOf(text: string | undefined): unknown {
  return text === undefined ? undefined : JSON.parse(Buffer.from(text, 'base64').toString('utf8'))
}

function policyOf(record: FunctionRecord): { Policy: string; RevisionId: string } {
  const arn = functionArn(record.region, record.account, record.name)
  if (record.permissions.length === 0) throw missing('The resource you requested does not exist.')
  return {
    RevisionId: record.latest.revisionId,
    Policy: JSON.stringify({
      Version: '2012-10-17',
      Id: 'default',
      Statement: record.permissions.map(({ id, principal, action, qualifier, sourceArn }) => ({
        Sid: id,
        Effect: 'Allow',
        Principal: principal.includes('.amazonaws.com') ? { Service: principal } : { AWS: principal },
        Action: action,
        Resource: qualifier ? `${arn}:${qualifier}` : arn,
        ...(sourceArn ? { Condition: { ArnLike: { 'AWS:SourceArn': sourceArn } } } : {}),
      })),
    }),
  }
}

function tagContext(record: FunctionRecord): Record<string, string> {
  return Object.fromEntries(
    Object.entries(record.tags).map(([key, value]) => [`aws:ResourceTag/${key}`, value]),
  )
}
