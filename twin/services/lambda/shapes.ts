import type {
  AliasConfiguration,
  FunctionConfiguration,
  FunctionEventInvokeConfig,
} from '@aws-sdk/client-lambda'
import {
  type Alias,
  type EventInvoke,
  type FunctionRecord,
  type FunctionVersion,
  functionArn,
} from '../../lambda/functions.ts'
import { WireError } from '../../wire/call.ts'

/** A version as `GetFunctionConfiguration` shows it. */
export function configurationOf(
  record: FunctionRecord,
  version: FunctionVersion,
  qualifier: string | undefined,
): FunctionConfiguration {
  const arn = functionArn(record.region, record.account, record.name)
  return {
    FunctionName: record.name,
    FunctionArn: qualifier ? `${arn}:${qualifier}` : arn,
    Version: version.version,
    Runtime: version.runtime as FunctionConfiguration['Runtime'],
    Handler: version.handler,
    Role: version.role,
    Timeout: version.timeout,
    MemorySize: version.memorySize,
    Description: version.description,
    CodeSize: version.codeSize,
    CodeSha256: version.codeSha256,
    LastModified: version.lastModified.replace('Z', '+0000'),
    RevisionId: version.revisionId,
    PackageType: 'Zip',
    Architectures: version.architectures as FunctionConfiguration['Architectures'],
    State: 'Active',
    LastUpdateStatus: 'Successful',
    EphemeralStorage: { Size: 512 },
    TracingConfig: { Mode: 'PassThrough' },
    LoggingConfig: { LogFormat: version.loggingFormat, LogGroup: version.logGroup },
    ...(Object.keys(version.environment).length > 0
      ? { Environment: { Variables: { ...version.environment } } }
      : {}),
    ...(version.deadLetterArn ? { DeadLetterConfig: { TargetArn: version.deadLetterArn } } : {}),
    ...(version.vpc
      ? {
          VpcConfig: {
            SubnetIds: [...version.vpc.subnetIds],
            SecurityGroupIds: [...version.vpc.securityGroupIds],
          },
        }
      : {}),
    ...(version.durability
      ? {
          DurableConfig: {
            ExecutionTimeout: version.durability.executionTimeout,
            RetentionPeriodInDays: version.durability.retentionDays,
          },
        }
      : {}),
  }
}

/** An alias as `GetAlias` shows it. */
export function aliasOf(record: FunctionRecord, alias: Alias): AliasConfiguration {
  return {
    AliasArn: `${functionArn(record.region, record.account, record.name)}:${alias.name}`,
    Name: alias.name,
    FunctionVersion: alias.version,
    Description: alias.description,
    RevisionId: alias.revisionId,
    ...(Object.keys(alias.weights).length > 0
      ? { RoutingConfig: { AdditionalVersionWeights: { ...alias.weights } } }
      : {}),
  }
}

/** How a qualifier's events are retried, as `GetFunctionEventInvokeConfig` shows it. */
export function eventInvokeOf(
  record: FunctionRecord,
  qualifier: string,
  config: EventInvoke,
): FunctionEventInvokeConfig {
  return {
    FunctionArn: `${functionArn(record.region, record.account, record.name)}:${qualifier}`,
    LastModified: new Date(config.lastModified),
    MaximumRetryAttempts: config.maximumRetryAttempts,
    MaximumEventAgeInSeconds: config.maximumEventAge,
    DestinationConfig: {
      OnSuccess: config.onSuccess ? { Destination: config.onSuccess } : {},
      OnFailure: config.onFailure ? { Destination: config.onFailure } : {},
    },
  }
}

/** One page of a list; the marker is the place of its first item. */
export function pageOf<T>(
  items: readonly T[],
  marker: string | undefined,
  maxItems: number | undefined,
): { items: T[]; next: string | undefined } {
  const from = Number(marker ?? 0)
  const end = from + (maxItems ?? 50)
  return { items: items.slice(from, end), next: end < items.length ? String(end) : undefined }
}

/** Says that a function, version or alias is not there. */
export function missing(message: string): WireError {
  return new WireError('ResourceNotFoundException', message, 404, { Type: 'User' })
}
