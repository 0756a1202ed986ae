import type { IncomingHttpHeaders } from 'node:http'
import { WireError } from './call.ts'
import type { OperationModel, ServiceModel } from './model.ts'
import { matchPath, matchQuery, particularity } from './route.ts'

/** The operation that a REST request means, with its labels. */
export type Routed = { readonly model: OperationModel; readonly labels: Record<string, string> }

type Request = {
  readonly method: string
  readonly path: string
  readonly query: URLSearchParams
  readonly headers: IncomingHttpHeaders
}

/** Finds the operation of a REST request by the model's path templates. `bucketFirst`: S3's path style. */
export function route(model: ServiceModel, request: Request, bucketFirst: boolean): Routed {
  const segments = request.path.split('/').slice(1)
  if (segments.at(-1) === '' && (!bucketFirst || segments.length <= 2)) segments.pop()
  const bucket = bucketFirst ? segments.shift() : undefined
  const hint = request.query.get('x-id')
  let best: (Routed & { rank: number }) | undefined
  for (const operation of model.operations.values()) {
    const rank = rankOf(operation, request, bucket, bucketFirst, hint)
    if (rank === undefined || !operation.route || rank <= (best?.rank ?? -1)) continue
    const labels = matchPath(operation.route, segments)
    if (labels) best = { model: operation, labels: bucket ? { ...labels, Bucket: bucket } : labels, rank }
  }
  if (!best) {
    throw new WireError(
      'UnknownOperation',
      `no operation of the model has ${request.method} ${request.path}`,
      404,
    )
  }
  return best
}

function rankOf(
  operation: OperationModel,
  request: Request,
  bucket: string | undefined,
  bucketFirst: boolean,
  hint: string | null,
): number | undefined {
  const { route: at, input } = operation
  if (!at || at.method !== request.method || !matchQuery(at, request.query)) return undefined
  if (bucketFirst && input.members.has('Bucket') !== (bucket !== undefined)) return undefined
  let bound = 0
  for (const name of input.required) {
    const { httpQuery, httpHeader } = input.members.get(name)?.traits ?? {}
    // Only S3 tells operations apart by query and header; elsewhere a missing parameter is named as missing.
    if (!bucketFirst) continue
    if (httpQuery && !request.query.has(httpQuery)) return undefined
    if (httpHeader && request.headers[httpHeader.toLowerCase()] === undefined) return undefined
    if (httpQuery || httpHeader) bound++
  }
  return particularity(at) + bound * 10 + (hint === operation.name ? 100_000 : 0)
}
