import { randomUUID } from 'node:crypto'
import type {
  CreateAliasRequest,
  DeleteAliasRequest,
  GetAliasRequest,
  ListAliasesRequest,
  UpdateAliasRequest,
} from '@aws-sdk/client-lambda'
import type { Alias, FunctionRecord } from '../../lambda/functions.ts'
import { functionArn } from '../../lambda/functions.ts'
import type { Lambda } from '../../lambda/lambda.ts'
import { type Call, type Operation, type Question, WireError } from '../../wire/call.ts'
import { aliasOf, missing, pageOf } from './shapes.ts'

type RecordOf = (input: { readonly FunctionName: string | undefined }, call: Call) => FunctionRecord
type OnFunction = (action: string) => (input: { FunctionName: string | undefined }, call: Call) => Question[]

/** The operations on aliases; `recordOf` finds the function that an input names, `on` asks about it. */
export function aliasOperations(
  { functions }: Lambda,
  recordOf: RecordOf,
  on: OnFunction,
): Record<string, Operation> {
  const find = (record: FunctionRecord, name: string | undefined): Alias => {
    const alias = record.aliases[String(name)]
    if (!alias)
      throw missing(
        `Cannot find alias arn: ${functionArn(record.region, record.account, record.name)}:${name}`,
      )
    return alias
  }
  const put = (record: FunctionRecord, alias: Alias) => {
    if (alias.version !== '$LATEST' && !record.versions[alias.version])
      throw missing(
        `Function not found: ${functionArn(record.region, record.account, record.name)}:${alias.version}`,
      )
    functions.save({ ...record, aliases: { ...record.aliases, [alias.name]: alias } })
    return aliasOf(record, alias)
  }
  return {
    CreateAlias: {
      questions: on('CreateAlias'),
      run: (input: CreateAliasRequest, call) => {
        const record = recordOf(input, call)
        const name = String(input.Name)
        if (record.aliases[name])
          throw new WireError(
            'ResourceConflictException',
            `Alias already exists: ${functionArn(record.region, record.account, record.name)}:${name}`,
            409,
            { Type: 'User' },
          )
        return put(record, {
          name,
          version: String(input.FunctionVersion),
          description: input.Description ?? '',
          weights: input.RoutingConfig?.AdditionalVersionWeights ?? {},
          revisionId: randomUUID(),
        })
      },
    },
    UpdateAlias: {
      questions: on('UpdateAlias'),
      run: (input: UpdateAliasRequest, call) => {
        const record = recordOf(input, call)
        const alias = find(record, input.Name)
        return put(record, {
          ...alias,
          version: input.FunctionVersion ?? alias.version,
          description: input.Description ?? alias.description,
          weights: input.RoutingConfig?.AdditionalVersionWeights ?? alias.weights,
          revisionId: randomUUID(),
        })
      },
    },
    GetAlias: {
      questions: on('GetAlias'),
      run: (input: GetAliasRequest, call) => {
        const record = recordOf(input, call)
        return aliasOf(record, find(record, input.Name))
      },
    },
    DeleteAlias: {
      questions: on('DeleteAlias'),
      run: (input: DeleteAliasRequest, call) => {
        const record = recordOf(input, call)
        const { [String(input.Name)]: _gone, ...aliases } = record.aliases
        functions.save({ ...record, aliases })
        return {}
      },
    },
    ListAliases: {
      questions: on('ListAliases'),
      run: (input: ListAliasesRequest, call) => {
        const record = recordOf(input, call)
        const all = Object.values(record.aliases)
          .filter(alias => !input.FunctionVersion || alias.version === input.FunctionVersion)
          .map(alias => aliasOf(record, alias))
        const { items, next } = pageOf(all, input.Marker, input.MaxItems)
        return { Aliases: items, NextMarker: next }
      },
    },
  }
}
