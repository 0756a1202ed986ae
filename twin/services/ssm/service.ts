import type {
  DeleteParametersCommandInput,
  GetParameterCommandInput,
  GetParametersByPathCommandInput,
  GetParametersCommandInput,
  PutParameterCommandInput,
} from '@aws-sdk/client-ssm'
import * as schemas from '@aws-sdk/client-ssm'
import type { Collection } from '../../state/collection.ts'
import { type Call, type Operation, type Question, type Service, WireError } from '../../wire/call.ts'
import {
  requestTagContext,
  resourceTagContext,
  type Sealing,
  type ServiceDependencies,
} from '../dependencies.ts'

/** One version of a parameter. A SecureString's value is kept sealed under its key. */
type ParameterVersion = { readonly version: number; readonly value: string; readonly at: string }

/** A parameter, versions oldest first. */
export type Parameter = {
  readonly name: string
  readonly region: string
  readonly type: 'String' | 'StringList' | 'SecureString'
  readonly keyId?: string
  readonly description?: string
  readonly tags: Readonly<Record<string, string>>
  readonly versions: readonly ParameterVersion[]
}

export type SsmDependencies = ServiceDependencies & Sealing

const DEFAULT_KEY = 'alias/aws/ssm'
const MAX_NAMES = 10

const arnOf = (account: string, region: string, name: string) =>
  `arn:aws:ssm:${region}:${account}:parameter${name.startsWith('/') ? '' : '/'}${name}`

/** The twin's parameter store. */
export function createSsm(dependencies: SsmDependencies): Service {
  const parameters = dependencies.open<Parameter>('parameters')
  return { name: 'ssm', schemas, protocol: 'json1.1', operations: operationsOf(dependencies, parameters) }
}

function operationsOf(deps: SsmDependencies, parameters: Collection<Parameter>): Record<string, Operation> {
  const find = (name: string, call: Call) => parameters.get(`${call.region}/${name}`)
  const ask = (
    action: string,
    names: readonly (string | undefined)[],
    call: Call,
    decrypt?: boolean,
  ): Question[] =>
    names.flatMap((name = '') => {
      const parameter = find(baseName(name), call)
      const resource = arnOf(deps.account, call.region, baseName(name))
      const asked = [{ action, resource, context: resourceTagContext(parameter?.tags) }]
      return decrypt && parameter?.type === 'SecureString'
        ? [...asked, keyQuestion(deps, parameter, resource)]
        : asked
    })
  return {
    PutParameter: {
      questions: (input: PutParameterCommandInput, call) => [
        {
          action: 'ssm:PutParameter',
          resource: arnOf(deps.account, call.region, input.Name ?? ''),
          context: { ...requestTagContext(input.Tags), 'ssm:Overwrite': String(input.Overwrite ?? false) },
        },
      ],
      run: (input: PutParameterCommandInput, call) => put(deps, parameters, input, call),
    },
    GetParameter: {
      questions: (input: GetParameterCommandInput, call) =>
        ask('ssm:GetParameter', [input.Name], call, input.WithDecryption),
      run: (input: GetParameterCommandInput, call) => {
        const parameter = find(baseName(input.Name ?? ''), call)
        if (!parameter) throw new WireError('ParameterNotFound', `Parameter ${input.Name} not found.`)
        return { Parameter: show(deps, parameter, input.Name ?? '', input.WithDecryption ?? false) }
      },
    },
    GetParameters: {
      questions: (input: GetParametersCommandInput, call) =>
        ask('ssm:GetParameters', input.Names ?? [], call, input.WithDecryption),
      run: (input: GetParametersCommandInput, call) => {
        const names = input.Names ?? []
        if (names.length > MAX_NAMES) {
          throw new WireError(
            'ValidationException',
            `Member must have length less than or equal to ${MAX_NAMES}`,
          )
        }
        const found = names.map(name => [name, find(baseName(name), call)] as const)
        return {
          Parameters: found.flatMap(([name, parameter]) =>
            parameter ? [show(deps, parameter, name, input.WithDecryption ?? false)] : [],
          ),
          InvalidParameters: found.filter(([, parameter]) => !parameter).map(([name]) => name),
        }
      },
    },
    GetParametersByPath: {
      questions: (input: GetParametersByPathCommandInput, call) =>
        ask('ssm:GetParametersByPath', [input.Path], call),
      run: (input: GetParametersByPathCommandInput, call) => ({
        Parameters: byPath(parameters, input, call).map(parameter =>
          show(deps, parameter, parameter.name, input.WithDecryption ?? false),
        ),
      }),
    },
    DeleteParameter: {
      questions: (input: { Name?: string }, call) => ask('ssm:DeleteParameter', [input.Name], call),
      run: (input: { Name?: string }, call) => {
        if (!find(input.Name ?? '', call))
          throw new WireError('ParameterNotFound', `Parameter ${input.Name} not found.`)
        parameters.delete(`${call.region}/${input.Name}`)
        return {}
      },
    },
    DeleteParameters: {
      questions: (input: DeleteParametersCommandInput, call) =>
        ask('ssm:DeleteParameters', input.Names ?? [], call),
      run: (input: DeleteParametersCommandInput, call) => {
        const there = (input.Names ?? []).filter(name => find(name, call))
        for (const name of there) parameters.delete(`${call.region}/${name}`)
        return {
          DeletedParameters: there,
          InvalidParameters: (input.Names ?? []).filter(name => !there.includes(name)),
        }
      },
    },
    DescribeParameters: {
      questions: () => [{ action: 'ssm:DescribeParameters', resource: '*' }],
      run: (_: unknown, call) => ({
        Parameters: parameters
          .values()
          .filter(({ region }) => region === call.region)
          .map(parameter => ({
            Name: parameter.name,
            ARN: arnOf(deps.account, parameter.region, parameter.name),
            Type: parameter.type,
            KeyId: parameter.keyId,
            Description: parameter.description,
            Version: parameter.versions.at(-1)?.version,
            LastModifiedDate: new Date(parameter.versions.at(-1)?.at ?? 0),
          })),
      }),
    },
  }
}

// `name:3` asks for a version.
const baseName = (name: string) =>
  (name.startsWith('arn:') ? name.slice(name.indexOf(':parameter') + 10) : name).replace(/:\d+$/, '')

function keyQuestion(deps: SsmDependencies, parameter: Parameter, arn: string): Question {
  return {
    action: 'kms:Decrypt',
    resource: deps.keyArn(parameter.keyId ?? DEFAULT_KEY, parameter.region),
    context: {
      'kms:ViaService': `ssm.${parameter.region}.amazonaws.com`,
      'kms:EncryptionContext:PARAMETER_ARN': arn,
      'kms:EncryptionContextKeys': ['PARAMETER_ARN'],
    },
  }
}

function byPath(
  parameters: Collection<Parameter>,
  input: GetParametersByPathCommandInput,
  call: Call,
): Parameter[] {
  const path = `${(input.Path ?? '').replace(/\/$/, '')}/`
  return parameters
    .values()
    .filter(({ name, region }) => region === call.region && name.startsWith(path))
    .filter(({ name }) => input.Recursive || !name.slice(path.length).includes('/'))
}

function put(
  deps: SsmDependencies,
  parameters: Collection<Parameter>,
  input: PutParameterCommandInput,
  call: Call,
) {
  const name = input.Name ?? ''
  const before = parameters.get(`${call.region}/${name}`)
  if (before && !input.Overwrite) {
    const message =
      'The parameter already exists. To overwrite this value, set the overwrite option in the request to true.'
    throw new WireError('ParameterAlreadyExists', message)
  }
  const type = (input.Type ?? before?.type) as Parameter['type'] | undefined
  if (!type)
    throw new WireError('ValidationException', 'A parameter type is required when you create a parameter.')
  const keyId = type === 'SecureString' ? (input.KeyId ?? before?.keyId ?? DEFAULT_KEY) : undefined
  const arn = arnOf(deps.account, call.region, name)
  const value = keyId
    ? deps
        .encrypt(keyId, call.region, Buffer.from(input.Value ?? ''), { PARAMETER_ARN: arn })
        .toString('base64')
    : (input.Value ?? '')
  const version = (before?.versions.at(-1)?.version ?? 0) + 1
  parameters.set(`${call.region}/${name}`, {
    name,
    region: call.region,
    type,
    ...(keyId && { keyId }),
    ...(input.Description !== undefined && { description: input.Description }),
    tags: {
      ...before?.tags,
      ...Object.fromEntries((input.Tags ?? []).map(({ Key, Value }) => [Key ?? '', Value ?? ''])),
    },
    versions: [...(before?.versions ?? []), { version, value, at: new Date(deps.clock()).toISOString() }],
  })
  return { Version: version, Tier: 'Standard' }
}

function show(deps: SsmDependencies, parameter: Parameter, asked: string, decrypt: boolean) {
  const number = /:(\d+)$/.exec(asked)?.[1]
  const chosen = number
    ? parameter.versions.find(({ version }) => version === Number(number))
    : parameter.versions.at(-1)
  if (!chosen)
    throw new WireError(
      'ParameterVersionNotFound',
      `Systems Manager could not find version ${number} of ${parameter.name}.`,
    )
  const arn = arnOf(deps.account, parameter.region, parameter.name)
  const open = () =>
    deps
      .decrypt(parameter.region, Buffer.from(chosen.value, 'base64'), { PARAMETER_ARN: arn })
      .toString('utf8')
  return {
    Name: parameter.name,
    Type: parameter.type,
    Value: parameter.type === 'SecureString' && decrypt ? open() : chosen.value,
    Version: chosen.version,
    ...(number && { Selector: `:${number}` }),
    LastModifiedDate: new Date(chosen.at),
    ARN: arn,
    DataType: 'text',
  }
}
