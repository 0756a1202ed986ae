import { randomUUID } from 'node:crypto'
import type { CreateHealthCheckCommandInput, HealthCheckConfig } from '@aws-sdk/client-route-53'
import type { Collection } from '../../state/collection.ts'
import { type Operation, WireError } from '../../wire/call.ts'
import { anywhere } from '../dependencies.ts'

/** A health check as it was made. */
export type HealthCheckRecord = {
  readonly id: string
  readonly reference: string
  readonly config: HealthCheckConfig
}

/** Health checks; `isHealthy` says how the thing that one watches is. */
export function checkOperations(
  checks: Collection<HealthCheckRecord>,
  isHealthy: (id: string) => boolean,
): Record<string, Operation> {
  const on = (action: string) => (input: { HealthCheckId?: string }) => [
    { action, resource: `arn:aws:route53:::healthcheck/${input.HealthCheckId}` },
  ]
  const requireCheck = (id: string | undefined) => {
    const found = checks.get(id ?? '')
    if (!found) throw new WireError('NoSuchHealthCheck', `A health check with id ${id} does not exist.`, 404)
    return found
  }
  const describe = (check: HealthCheckRecord) => ({
    Id: check.id,
    CallerReference: check.reference,
    HealthCheckConfig: check.config,
    HealthCheckVersion: 1,
  })
  return {
    CreateHealthCheck: {
      questions: () => anywhere('route53:CreateHealthCheck'),
      run: (input: CreateHealthCheckCommandInput) => {
        const check = {
          id: randomUUID(),
          reference: input.CallerReference ?? '',
          config: input.HealthCheckConfig as HealthCheckConfig,
        }
        checks.set(check.id, check)
        return {
          HealthCheck: describe(check),
          Location: `https://route53.amazonaws.com/2013-04-01/healthcheck/${check.id}`,
        }
      },
    },
    GetHealthCheck: {
      questions: on('route53:GetHealthCheck'),
      run: (input: { HealthCheckId?: string }) => ({
        HealthCheck: describe(requireCheck(input.HealthCheckId)),
      }),
    },
    GetHealthCheckStatus: {
      questions: on('route53:GetHealthCheckStatus'),
      run: (input: { HealthCheckId?: string }) => {
        const check = requireCheck(input.HealthCheckId)
        const Status = isHealthy(check.id)
          ? 'Success: the twin finds it well'
          : 'Failure: the twin finds it unwell'
        return {
          HealthCheckObservations: [
            { Region: 'us-east-1', IPAddress: '127.0.0.1', StatusReport: { Status } },
          ],
        }
      },
    },
    DeleteHealthCheck: {
      questions: on('route53:DeleteHealthCheck'),
      run: (input: { HealthCheckId?: string }) => {
        checks.delete(requireCheck(input.HealthCheckId).id)
        return {}
      },
    },
    ListHealthChecks: {
      questions: () => anywhere('route53:ListHealthChecks'),
      run: () => ({
        HealthChecks: checks.values().map(describe),
        IsTruncated: false,
        MaxItems: 100,
        Marker: '',
      }),
    },
  }
}
