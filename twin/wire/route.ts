import { WireError } from './call.ts'

/** A path template of the model: method, segments, the query that must be there, the status of success. */
export type Route = {
  readonly method: string
  readonly segments: readonly Segment[]
  readonly query: readonly (readonly [string, string])[]
  readonly status: number
}

type Segment = { readonly literal: string } | { readonly label: string; readonly greedy: boolean }

/** Reads `['GET', '/2015-03-31/functions/{FunctionName}?x=y', 200]`. The `x-id` hint of S3 is left out: it is not always sent. */
export function parseRoute([method, template, status]: readonly [string, string, number]): Route {
  const [path = '/', query = ''] = template.split('?')
  return {
    method,
    status,
    segments: path.split('/').slice(1).filter(Boolean).map(parseSegment),
    query: [...new URLSearchParams(query)].filter(([key]) => key !== 'x-id'),
  }
}

function parseSegment(text: string): Segment {
  if (!text.startsWith('{')) return { literal: text }
  const greedy = text.endsWith('+}')
  return { label: text.slice(1, greedy ? -2 : -1), greedy }
}

function decodePath(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch (cause) {
    const error = new WireError('InvalidURI', `${text} in the path is not percent-encoded UTF-8`)
    error.cause = cause
    throw error
  }
}

/** Labels of the path under this route, or undefined when the path is not of this route. Segments come raw, labels decoded. */
export function matchPath(route: Route, path: readonly string[]): Record<string, string> | undefined {
  const labels: Record<string, string> = {}
  const { segments } = route
  for (const [index, segment] of segments.entries()) {
    if ('literal' in segment) {
      if (path[index] !== segment.literal) return undefined
    } else if (segment.greedy) {
      if (path.length <= index) return undefined
      labels[segment.label] = path.slice(index).map(decodePath).join('/')
      return labels
    } else {
      const value = path[index]
      if (!value) return undefined
      labels[segment.label] = decodePath(value)
    }
  }
  return path.length === segments.length ? labels : undefined
}

/** Whether every literal query parameter of the route is in the request. */
export function matchQuery(route: Route, query: URLSearchParams): boolean {
  return route.query.every(([key, value]) => query.has(key) && (value === '' || query.get(key) === value))
}

/** How particular a route is: literal segments and literal query count most, so that `/x/y` wins over `/x/{z}`. */
export function particularity(route: Route): number {
  const literals = route.segments.filter(segment => 'literal' in segment).length
  return literals * 100 + route.query.length * 10 + route.segments.length
}
