/**
 * The program of a function's process, as the Lambda runtime is: loads the handler once, then answers one event
 * after another over the IPC channel. It ends when the channel closes, so that no function outlives its twin.
 */
import { createRequire, registerHooks } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { leadAnswersToTwin } from './cloudformation-answer.ts'
import type { FromFunction, RuntimeError, ToFunction } from './protocol.ts'
import { marker } from './protocol.ts'

type Handler = (event: unknown, context: object) => unknown

const MAX_RESPONSE_BYTES = 6_291_556

// The managed runtime carries these packages; a bundle may leave them out and resolve them from here.
const PROVIDED = /^(@aws-sdk|@smithy|@aws)\//
const requireHere = createRequire(import.meta.url)
registerHooks({
  resolve(specifier, context, next) {
    try {
      return next(specifier, context)
    } catch (error) {
      if (!PROVIDED.test(specifier)) throw error
      // A required module is looked up from its own folder whatever the hook says: it is found here instead.
      if (context.conditions?.includes('require'))
        return { url: pathToFileURL(requireHere.resolve(specifier)).href, shortCircuit: true }
      return next(specifier, { ...context, parentURL: import.meta.url })
    }
  },
})

leadAnswersToTwin()

function send(message: FromFunction): Promise<void> {
  return new Promise(resolve => {
    if (process.connected) process.send?.(message, () => resolve())
    else resolve()
  })
}

function asRuntimeError(thrown: unknown, type?: string): RuntimeError {
  if (!(thrown instanceof Error)) return { errorType: type ?? typeof thrown, errorMessage: String(thrown) }
  return {
    errorType: type ?? thrown.name,
    errorMessage: thrown.message,
    trace: (thrown.stack ?? '').split('\n'),
  }
}

async function loadHandler(): Promise<Handler> {
  const [file = 'index', name = 'handler'] = (process.env._HANDLER ?? '').split('.')
  const root = process.env.LAMBDA_TASK_ROOT ?? process.cwd()
  const failures: unknown[] = []
  for (const extension of ['mjs', 'js', 'cjs']) {
    try {
      const module = (await import(pathToFileURL(join(root, `${file}.${extension}`)).href)) as Record<
        string,
        unknown
      >
      const handler = module[name]
      if (typeof handler === 'function') return handler as Handler
      throw Object.assign(new Error(`${process.env._HANDLER} is undefined or not exported`), {
        name: 'Runtime.HandlerNotFound',
      })
    } catch (error) {
      failures.push(error)
      if (!isMissing(error, root, `${file}.${extension}`)) throw error
    }
  }
  throw failures[0]
}

function isMissing(error: unknown, root: string, file: string): boolean {
  const { code, message } = error as NodeJS.ErrnoException
  return code === 'ERR_MODULE_NOT_FOUND' && String(message).includes(join(root, file))
}

function contextOf(message: ToFunction): object {
  return {
    awsRequestId: message.requestId,
    functionName: process.env.AWS_LAMBDA_FUNCTION_NAME,
    functionVersion: process.env.AWS_LAMBDA_FUNCTION_VERSION,
    invokedFunctionArn: message.invokedFunctionArn,
    memoryLimitInMB: process.env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    logGroupName: process.env.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: process.env.AWS_LAMBDA_LOG_STREAM_NAME,
    callbackWaitsForEmptyEventLoop: true,
    clientContext: message.clientContext,
    identity: undefined,
    getRemainingTimeInMillis: () => Math.max(0, message.deadline - Date.now()),
  }
}

function write(stream: NodeJS.WriteStream, text: string): Promise<void> {
  return new Promise(resolve => {
    stream.write(text, () => resolve())
  })
}

async function answer(handler: Handler, message: ToFunction): Promise<void> {
  let reply: FromFunction
  try {
    const result = await handler(JSON.parse(message.payload), contextOf(message))
    const payload = JSON.stringify(result) ?? 'null'
    if (Buffer.byteLength(payload) > MAX_RESPONSE_BYTES)
      throw Object.assign(
        new Error(
          `Response payload size exceeded maximum allowed payload size (${MAX_RESPONSE_BYTES} bytes).`,
        ),
        { name: 'Function.ResponseSizeTooLarge' },
      )
    reply = { type: 'result', requestId: message.requestId, payload }
  } catch (error) {
    console.error(`ERROR\tInvoke Error\t${JSON.stringify(asRuntimeError(error))}`)
    reply = { type: 'error', requestId: message.requestId, error: asRuntimeError(error) }
  }
  // The marks tell the twin that everything this invocation printed has been read.
  await write(process.stdout, `${marker(message.requestId)}\n`)
  await write(process.stderr, `${marker(message.requestId)}\n`)
  await send(reply)
}

function endWith(type: string) {
  return async (error: unknown) => {
    console.error(`ERROR\tUncaught Exception\t${JSON.stringify(asRuntimeError(error, type))}`)
    await send({ type: 'fatal', error: asRuntimeError(error, type) })
    process.exit(1)
  }
}

process.on('disconnect', () => process.exit(0))
process.on('uncaughtException', endWith('Runtime.UnhandledError'))
process.on('unhandledRejection', endWith('Runtime.UnhandledPromiseRejection'))

try {
  const handler = await loadHandler()
  process.on('message', (message: ToFunction) => {
    void answer(handler, message)
  })
  await send({ type: 'ready' })
} catch (error) {
  const missing = (error as NodeJS.ErrnoException).code === 'ERR_MODULE_NOT_FOUND'
  const failure = asRuntimeError(error, missing ? 'Runtime.ImportModuleError' : undefined)
  console.error(`ERROR\tInit Error\t${JSON.stringify(failure)}`)
  await send({ type: 'fatal', error: failure })
  process.exit(1)
}
