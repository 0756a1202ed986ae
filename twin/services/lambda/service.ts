import * as schemas from '@aws-sdk/client-lambda'
import type { Lambda } from '../../lambda/lambda.ts'
import type { Service } from '../../wire/call.ts'
import { executionOperations } from './executions.ts'
import { functionOperations } from './functions.ts'

/** The Lambda API over the functions of the twin. */
export function createLambdaService(lambda: Lambda): Service {
  return {
    name: 'lambda',
    schemas,
    protocol: 'rest-json',
    operations: { ...functionOperations(lambda), ...executionOperations(lambda) },
  }
}
