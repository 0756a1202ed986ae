import { NormalizedSchema } from '@smithy/core/schema'
import type { Service } from './call.ts'
import { parseRoute, type Route } from './route.ts'
import { type Shape, shapeOf } from './shape.ts'

/** One operation of a service's model. `route` only where the protocol binds operations to paths. */
export type OperationModel = {
  readonly name: string
  readonly input: Shape
  readonly output: Shape
  readonly route: Route | undefined
}

/** What the listener reads of a service's schemas, worked out once. */
export type ServiceModel = {
  readonly operations: ReadonlyMap<string, OperationModel>
  readonly xmlNamespace: string
}

const XML_NAMESPACES: Record<string, string> = {
  rds: 'http://rds.amazonaws.com/doc/2014-10-31/',
  sns: 'http://sns.amazonaws.com/doc/2010-03-31/',
  sts: 'https://sts.amazonaws.com/doc/2011-06-15/',
  iam: 'https://iam.amazonaws.com/doc/2010-05-08/',
  cloudformation: 'http://cloudformation.amazonaws.com/doc/2010-05-15/',
  elasticache: 'http://elasticache.amazonaws.com/doc/2015-02-02/',
  s3: 'http://s3.amazonaws.com/doc/2006-03-01/',
  route53: 'https://route53.amazonaws.com/doc/2013-04-01/',
}

const isOperation = (value: unknown): value is [number, string, string, unknown, unknown, unknown] =>
  Array.isArray(value) && value[0] === 9

/** Reads the operations out of an SDK client's module namespace: its exports ending in `$` that are operation tuples. */
export function readModel(service: Service): ServiceModel {
  const operations = new Map<string, OperationModel>()
  for (const [exported, value] of Object.entries(service.schemas)) {
    if (!exported.endsWith('$') || !isOperation(value)) continue
    const [, , name, traits, input, output] = value
    const http = (traits as { http?: [string, string, number] } | 0) || undefined
    operations.set(name, {
      name,
      input: shapeOf(NormalizedSchema.of(input as never)),
      output: shapeOf(NormalizedSchema.of(output as never)),
      route: http?.http ? parseRoute(http.http) : undefined,
    })
  }
  return { operations, xmlNamespace: XML_NAMESPACES[service.name] ?? '' }
}
