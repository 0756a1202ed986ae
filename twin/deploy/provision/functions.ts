import { randomUUID } from 'node:crypto'
import type { Alias, FunctionSettings } from '../../lambda/functions.ts'
import { functionArn } from '../../lambda/functions.ts'
import type { Lambda } from '../../lambda/lambda.ts'
import {
  type Desired,
  keep,
  nameWithin,
  type Physical,
  type Provisioner,
  Replacement,
} from '../provisioner.ts'

type DurableConfig = { readonly ExecutionTimeout?: number; readonly RetentionPeriodInDays?: number }

/** Functions with their versions, aliases, permissions and the retries of their events. */
export function functionProvisioners(lambda: Lambda): Record<string, Provisioner> {
  const { functions } = lambda
  const put = async (desired: Desired): Promise<Physical> => {
    const { properties, region, account, tags } = desired
    const name = String(properties.FunctionName ?? nameWithin(desired, 64))
    functions.put({ region, account, name }, assetOf(desired), settingsOf(desired, name), tags)
    const reserved = properties.ReservedConcurrentExecutions
    functions.save({
      ...functions.get(region, account, name),
      reservedConcurrency: reserved === undefined ? undefined : Number(reserved),
    })
    return { ref: name, attributes: { Arn: functionArn(region, account, name) } }
  }
  const nameOf = (desired: Desired) => {
    const reference = String(desired.properties.FunctionName)
    return functions.resolve(desired.region, desired.account, reference).record.name
  }
  const putAlias = async (desired: Desired): Promise<Physical> => {
    const { properties, region, account } = desired
    const record = functions.get(region, account, nameOf(desired))
    const weights = (properties.RoutingConfig?.AdditionalVersionWeights ?? []).map(
      (weight: { FunctionVersion: string; FunctionWeight: number }) => [
        weight.FunctionVersion,
        Number(weight.FunctionWeight),
      ],
    )
    const alias: Alias = {
      name: properties.Name,
      version: String(properties.FunctionVersion),
      description: properties.Description ?? '',
      weights: Object.fromEntries(weights),
      revisionId: randomUUID(),
    }
    functions.save({ ...record, aliases: { ...record.aliases, [alias.name]: alias } })
    const arn = `${functionArn(region, account, record.name)}:${alias.name}`
    return { ref: arn, attributes: { AliasArn: arn, Name: alias.name } }
  }
  const putPermission = async (desired: Desired): Promise<Physical> => {
    const { properties, region, account, generatedName } = desired
    const target = functions.resolve(region, account, String(properties.FunctionName))
    const permission = {
      id: generatedName,
      principal: properties.Principal,
      action: properties.Action,
      ...(target.qualifier ? { qualifier: target.qualifier } : {}),
      ...(properties.SourceArn ? { sourceArn: properties.SourceArn } : {}),
      ...(properties.SourceAccount ? { sourceAccount: properties.SourceAccount } : {}),
    }
    const others = target.record.permissions.filter(other => other.id !== generatedName)
    functions.save({ ...target.record, permissions: [...others, permission] })
    return { ref: generatedName, attributes: { Id: generatedName } }
  }
  const putEventInvoke = async (desired: Desired): Promise<Physical> => {
    const { properties, region, account, generatedName } = desired
    const record = functions.get(region, account, nameOf(desired))
    const config = {
      maximumRetryAttempts: Number(properties.MaximumRetryAttempts ?? 2),
      maximumEventAge: Number(properties.MaximumEventAgeInSeconds ?? 21_600),
      onSuccess: properties.DestinationConfig?.OnSuccess?.Destination,
      onFailure: properties.DestinationConfig?.OnFailure?.Destination,
      lastModified: new Date().toISOString(),
    }
    functions.save({
      ...record,
      eventInvoke: { ...record.eventInvoke, [properties.Qualifier]: config },
    })
    return { ref: generatedName, attributes: {} }
  }
  return {
    'AWS::Lambda::Function': {
      kind: 'real',
      create: put,
      update: async (desired, before) => {
        keep(desired, before, ['FunctionName', 'PackageType'])
        const had = before.properties.DurableConfig as DurableConfig | undefined
        const has = desired.properties.DurableConfig as DurableConfig | undefined
        if ((had === undefined) !== (has === undefined))
          throw new Replacement(desired, 'DurableConfig', had, has)
        return put(desired)
      },
      remove: async before => functions.remove(before.region, String(before.ref)),
    },
    'AWS::Lambda::Version': {
      kind: 'real',
      create: async desired => {
        const { region, account, properties } = desired
        const version = functions.publish(region, account, nameOf(desired), properties.Description)
        const arn = `${functionArn(region, account, nameOf(desired))}:${version.version}`
        return { ref: arn, attributes: { Version: version.version, FunctionArn: arn } }
      },
      // The version stays what it was; only its name in the template changed.
      update: async (_desired, before) => before,
      remove: async () => {},
    },
    'AWS::Lambda::Alias': { kind: 'real', create: putAlias, update: putAlias, remove: async () => {} },
    'AWS::Lambda::Permission': {
      kind: 'real',
      create: putPermission,
      update: putPermission,
      remove: async () => {},
    },
    'AWS::Lambda::EventInvokeConfig': {
      kind: 'real',
      create: putEventInvoke,
      update: putEventInvoke,
      remove: async () => {},
    },
  }
}

function settingsOf(desired: Desired, name: string): FunctionSettings {
  const { properties } = desired
  const durable = properties.DurableConfig as DurableConfig | undefined
  if (properties.PackageType === 'Image' || !String(properties.Runtime).startsWith('nodejs'))
    throw new Error(
      `the twin runs Node.js functions from folders, not ${properties.Runtime ?? properties.PackageType}`,
    )
  return {
    runtime: properties.Runtime,
    handler: properties.Handler,
    role: properties.Role,
    timeout: Number(properties.Timeout ?? 3),
    memorySize: Number(properties.MemorySize ?? 128),
    environment: variablesOf(properties.Environment?.Variables ?? {}),
    description: properties.Description ?? '',
    architectures: properties.Architectures ?? ['x86_64'],
    ...(durable
      ? {
          durability: {
            executionTimeout: Number(durable.ExecutionTimeout),
            retentionDays: Number(durable.RetentionPeriodInDays ?? 14),
          },
        }
      : {}),
    ...(properties.DeadLetterConfig?.TargetArn
      ? { deadLetterArn: properties.DeadLetterConfig.TargetArn }
      : {}),
    ...(properties.VpcConfig
      ? {
          vpc: {
            subnetIds: properties.VpcConfig.SubnetIds ?? [],
            securityGroupIds: properties.VpcConfig.SecurityGroupIds ?? [],
          },
        }
      : {}),
    logGroup: properties.LoggingConfig?.LogGroup ?? `/aws/lambda/${name}`,
    loggingFormat: properties.LoggingConfig?.LogFormat ?? 'Text',
  }
}

// https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
const RESERVED =
  /^(_.*|AWS_(ACCESS_KEY|ACCESS_KEY_ID|SECRET_ACCESS_KEY|SESSION_TOKEN|REGION|DEFAULT_REGION|EXECUTION_ENV|LAMBDA_.*)|LAMBDA_(TASK_ROOT|RUNTIME_DIR))$/

function variablesOf(given: Readonly<Record<string, unknown>>): Record<string, string> {
  for (const name of Object.keys(given))
    if (!/^[A-Za-z][A-Za-z0-9_]+$/.test(name) || RESERVED.test(name))
      throw new Error(`Lambda does not take the environment variable ${JSON.stringify(name)} from a template`)
  return Object.fromEntries(Object.entries(given).map(([key, value]) => [key, String(value)]))
}

function assetOf(desired: Desired): string {
  const key = desired.properties.Code?.S3Key
  const folder = desired.assembly.assets.get(String(key))
  if (!folder) throw new Error(`the assembly has no asset ${key}\nHINT: synthesize again`)
  return folder
}
