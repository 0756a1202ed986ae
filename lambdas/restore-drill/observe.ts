import { AsyncLocalStorage } from 'node:async_hooks'
import type { EvidenceCall } from '../runtime/evidence/record.ts'

// Which stage is asking, wherever in it the call is made: the evidence wants every request id.
const asking = new AsyncLocalStorage<{ readonly stage: string; readonly calls: EvidenceCall[] }>()

type Args = { readonly input: object }
type Result = { readonly output?: unknown }
type Next = (args: Args) => Promise<Result>

/** The part of an SDK client that this needs: the stack of things that see each call. */
export type Observable = {
  readonly middlewareStack: {
    add(
      middleware: (next: Next, context: { commandName?: string; clientName?: string }) => Next,
      options: { step: 'initialize'; name: string },
    ): void
  }
}

/** Makes the client tell each call's operation and request id, those that failed too. */
export function observe<Client>(client: Client, service: string): Client {
  // The SDK types middleware by its client's own inputs; this one reads nothing but the metadata.
  ;(client as unknown as Observable).middlewareStack.add(
    (next, context) => async args => {
      try {
        const result = await next(args)
        note(service, context.commandName, result.output)
        return result
      } catch (error) {
        note(service, context.commandName, error)
        throw error
      }
    },
    { step: 'initialize', name: 'holdfastObserve' },
  )
  return client
}

/** Runs the work and returns the AWS calls that it made beside its answer, as plain JSON. */
export async function observed<T>(
  stage: string,
  work: () => Promise<T>,
): Promise<{ value: T; calls: EvidenceCall[] }> {
  const calls: EvidenceCall[] = []
  const value = await asking.run({ stage, calls }, work)
  return { value, calls }
}

function note(service: string, command: string | undefined, from: unknown): void {
  const current = asking.getStore()
  if (!current) return
  const metadata = (from as { $metadata?: { requestId?: string } } | undefined)?.$metadata
  current.calls.push({
    at: new Date().toISOString(),
    stage: current.stage,
    service,
    operation: (command ?? 'unknown').replace(/Command$/, ''),
    requestId: metadata?.requestId ?? 'none: no answer arrived',
  })
}
