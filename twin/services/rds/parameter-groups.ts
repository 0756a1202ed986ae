import type * as rdsTypes from '@aws-sdk/client-rds'
import type { Version } from '../../postgres/installation.ts'
import { type Call, type Operation, WireError } from '../../wire/call.ts'
import { arnOf, emit, keyOf, type Rds } from './context.ts'
import { checkIdentifier } from './identifiers.ts'
import { filter, page } from './paging.ts'
import {
  definitionOf,
  describeParameter,
  type ParameterDefinition,
  parameterDefinitions,
} from './parameters.ts'
import { onParameterGroup } from './questions.ts'
import type { ApplyMethod, ParameterGroupRecord, ParameterValues } from './records.ts'
import { familyOf } from './versions.ts'

type Operations = Record<string, Operation>
const FAMILIES: readonly Version[] = [17, 18]
const MAX_GROUPS = 100

/** The family's version. @throws InvalidParameterValue */
export function versionOfFamily(family: string | undefined): Version {
  const version = FAMILIES.find(each => familyOf(each) === family)
  if (!version)
    throw new WireError(
      'InvalidParameterValue',
      `ParameterGroupFamily ${family} is not a valid parameter group family`,
    )
  return version
}

/** The group of this name; the default groups are always there. @throws DBParameterGroupNotFound */
export function findParameterGroup(rds: Rds, region: string, name: string): ParameterGroupRecord {
  const id = name.toLowerCase()
  const found = rds.parameterGroups.get(keyOf(region, id)) ?? defaultGroup(region, id)
  if (!found) throw new WireError('DBParameterGroupNotFound', `DBParameterGroup not found: ${id}`, 404)
  return found
}

export const defaultGroupName = (version: Version) => `default.${familyOf(version)}`

function defaultGroup(region: string, name: string): ParameterGroupRecord | undefined {
  const version = FAMILIES.find(each => defaultGroupName(each) === name)
  if (!version) return undefined
  const family = familyOf(version)
  return { region, name, family, description: `Default parameter group for ${family}`, values: {}, tags: [] }
}

function describe(rds: Rds, group: ParameterGroupRecord): rdsTypes.DBParameterGroup {
  return {
    DBParameterGroupName: group.name,
    DBParameterGroupFamily: group.family,
    Description: group.description,
    DBParameterGroupArn: arnOf(rds, group.region, 'pg', group.name),
  }
}

const isDefault = (name: string) => name.startsWith('default.')

function findOwn(rds: Rds, region: string, name: string): ParameterGroupRecord {
  const group = findParameterGroup(rds, region, name)
  if (isDefault(group.name))
    throw new WireError(
      'InvalidDBParameterGroupState',
      `The default parameter group ${group.name} cannot be modified or deleted.`,
    )
  return group
}

/** The values that a list of parameters means. @throws InvalidParameterValue, InvalidParameterCombination */
async function readValues(
  group: ParameterGroupRecord,
  parameters: readonly rdsTypes.Parameter[],
): Promise<ParameterValues> {
  const known = await parameterDefinitions(versionOfFamily(group.family))
  const values: Record<string, { value: string; method: ApplyMethod }> = {}
  for (const { ParameterName: name = '', ParameterValue: value, ApplyMethod: method } of parameters) {
    const definition = definitionOf(known, name)
    if (!definition)
      throw new WireError('InvalidParameterValue', `Could not find parameter with name: ${name}`)
    if (!definition.isModifiable)
      throw new WireError('InvalidParameterValue', `The parameter ${name} cannot be modified.`)
    if (value === undefined)
      throw new WireError('InvalidParameterValue', `The parameter ${name} has no value.`)
    checkValue(definition, value)
    const apply = method ?? (definition.isStatic ? 'pending-reboot' : 'immediate')
    if (definition.isStatic && apply === 'immediate')
      throw new WireError(
        'InvalidParameterCombination',
        `cannot use immediate apply method for static parameter: ${name}`,
      )
    values[name] = { value, method: apply }
  }
  return values
}

function checkValue(definition: ParameterDefinition, value: string): void {
  const { allowed, dataType, name } = definition
  const refuse = () => {
    throw new WireError(
      'InvalidParameterValue',
      `Invalid parameter value: ${value} for: ${name} allowed values are: ${allowed ?? dataType}`,
    )
  }
  if (value.includes('{') || /^(LEAST|GREATEST|SUM)\(/.test(value) || allowed === undefined) return
  if (dataType === 'boolean') {
    if (!/^(0|1|on|off|true|false)$/i.test(value)) refuse()
  } else if (dataType === 'integer' || dataType === 'float') {
    // Numbers may carry a unit in PostgreSQL; RDS takes bare numbers only.
    const range = /^(-?[\d.]+(?:e[+-]?\d+)?)-(-?[\d.]+(?:e[+-]?\d+)?)$/i.exec(allowed)
    const number = Number(value)
    if (Number.isNaN(number) || (range && (number < Number(range[1]) || number > Number(range[2])))) refuse()
  } else if (!value.split(',').every(each => allowed.split(',').includes(each.trim()))) refuse()
}

async function change(
  rds: Rds,
  group: ParameterGroupRecord,
  values: ParameterValues,
): Promise<{ DBParameterGroupName: string }> {
  rds.parameterGroups.set(keyOf(group.region, group.name), { ...group, values })
  emit(rds, {
    region: group.region,
    id: 'RDS-EVENT-0037',
    sourceType: 'db-parameter-group',
    sourceIdentifier: group.name,
    sourceArn: arnOf(rds, group.region, 'pg', group.name),
    categories: ['configuration change'],
    message: `Updated parameter group ${group.name}`,
  })
  for (const instance of rds.instances.values())
    if (instance.region === group.region && instance.parameterGroup === group.name)
      rds.hosts.reload(instance.resourceId)
  return { DBParameterGroupName: group.name }
}

async function describeParameters(rds: Rds, input: rdsTypes.DescribeDBParametersMessage, call: Call) {
  const group = findParameterGroup(rds, call.region, input.DBParameterGroupName ?? '')
  const known = await parameterDefinitions(versionOfFamily(group.family))
  const absent = Object.keys(group.values).filter(name => !known.has(name))
  const all = [...known.values(), ...absent.flatMap(name => definitionOf(known, name) ?? [])]
    .map(definition => describeParameter(definition, group.values))
    .filter(parameter => input.Source === undefined || parameter.Source === input.Source)
    .sort((a, b) => ((a.ParameterName ?? '') < (b.ParameterName ?? '') ? -1 : 1))
  const { items, Marker } = page(
    filter(all, input.Filters, { 'parameter-name': each => [each.ParameterName] }),
    input,
    each => each.ParameterName ?? '',
  )
  return { Parameters: items, Marker }
}

async function describeEngineDefaults(input: rdsTypes.DescribeEngineDefaultParametersMessage) {
  const known = await parameterDefinitions(versionOfFamily(input.DBParameterGroupFamily))
  const all = [...known.values()]
    .map(each => describeParameter(each, {}))
    .sort((a, b) => ((a.ParameterName ?? '') < (b.ParameterName ?? '') ? -1 : 1))
  const { items, Marker } = page(
    filter(all, input.Filters, { 'parameter-name': each => [each.ParameterName] }),
    input,
    each => each.ParameterName ?? '',
  )
  return {
    EngineDefaults: { DBParameterGroupFamily: input.DBParameterGroupFamily, Parameters: items, Marker },
  }
}

/** Parameter groups and their parameters. */
export function parameterGroupOperations(rds: Rds): Operations {
  const named =
    (action: string) => (input: { DBParameterGroupName?: string; Tags?: rdsTypes.Tag[] }, call: Call) =>
      onParameterGroup(rds, action, call.region, input.DBParameterGroupName ?? '*', input.Tags)
  return {
    CreateDBParameterGroup: {
      questions: named('CreateDBParameterGroup'),
      run: (input: rdsTypes.CreateDBParameterGroupMessage, call) => {
        const name = checkGroupName(input.DBParameterGroupName ?? '')
        versionOfFamily(input.DBParameterGroupFamily)
        if (rds.parameterGroups.has(keyOf(call.region, name)))
          throw new WireError('DBParameterGroupAlreadyExists', `Parameter group ${name} already exists`)
        if (rds.parameterGroups.values().filter(group => group.region === call.region).length >= MAX_GROUPS)
          throw new WireError(
            'DBParameterGroupQuotaExceeded',
            `Cannot create more than ${MAX_GROUPS} parameter groups`,
          )
        const group: ParameterGroupRecord = {
          region: call.region,
          name,
          family: input.DBParameterGroupFamily ?? '',
          description: input.Description ?? '',
          values: {},
          tags: input.Tags ?? [],
        }
        rds.parameterGroups.set(keyOf(call.region, name), group)
        return { DBParameterGroup: describe(rds, group) }
      },
    },
    ModifyDBParameterGroup: {
      questions: named('ModifyDBParameterGroup'),
      run: async (input: rdsTypes.ModifyDBParameterGroupMessage, call) => {
        const group = findOwn(rds, call.region, input.DBParameterGroupName ?? '')
        const parameters = input.Parameters ?? []
        if (parameters.length === 0 || parameters.length > 20)
          throw new WireError(
            'InvalidParameterValue',
            `Between 1 and 20 parameters can be modified at once, not ${parameters.length}.`,
          )
        return change(rds, group, { ...group.values, ...(await readValues(group, parameters)) })
      },
    },
    ResetDBParameterGroup: {
      questions: named('ResetDBParameterGroup'),
      run: async (input: rdsTypes.ResetDBParameterGroupMessage, call) => {
        const group = findOwn(rds, call.region, input.DBParameterGroupName ?? '')
        if (input.ResetAllParameters) return change(rds, group, {})
        const names = new Set((input.Parameters ?? []).map(each => each.ParameterName))
        if (names.size === 0)
          throw new WireError(
            'InvalidParameterCombination',
            'Either ResetAllParameters or Parameters must be given.',
          )
        return change(
          rds,
          group,
          Object.fromEntries(Object.entries(group.values).filter(([name]) => !names.has(name))),
        )
      },
    },
    DeleteDBParameterGroup: {
      questions: named('DeleteDBParameterGroup'),
      run: (input: rdsTypes.DeleteDBParameterGroupMessage, call) => {
        const group = findOwn(rds, call.region, input.DBParameterGroupName ?? '')
        const user = rds.instances
          .values()
          .find(each => each.region === call.region && each.parameterGroup === group.name)
        if (user)
          throw new WireError(
            'InvalidDBParameterGroupState',
            `One or more database instances are still members of this parameter group ${group.name}, so the group cannot be deleted`,
          )
        rds.parameterGroups.delete(keyOf(call.region, group.name))
        return {}
      },
    },
    DescribeDBParameterGroups: {
      questions: named('DescribeDBParameterGroups'),
      run: (input: rdsTypes.DescribeDBParameterGroupsMessage, call) => {
        const all = input.DBParameterGroupName
          ? [findParameterGroup(rds, call.region, input.DBParameterGroupName)]
          : [
              ...rds.parameterGroups.values().filter(group => group.region === call.region),
              ...FAMILIES.flatMap(version => defaultGroup(call.region, defaultGroupName(version)) ?? []),
            ].sort((a, b) => (a.name < b.name ? -1 : 1))
        const { items, Marker } = page(filter(all, input.Filters, {}), input, group => group.name)
        return { DBParameterGroups: items.map(group => describe(rds, group)), Marker }
      },
    },
    DescribeDBParameters: {
      questions: named('DescribeDBParameters'),
      run: (input: rdsTypes.DescribeDBParametersMessage, call) => describeParameters(rds, input, call),
    },
    DescribeEngineDefaultParameters: {
      questions: () => [{ action: 'rds:DescribeEngineDefaultParameters', resource: '*' }],
      run: (input: rdsTypes.DescribeEngineDefaultParametersMessage) => describeEngineDefaults(input),
    },
    CopyDBParameterGroup: {
      questions: (input: rdsTypes.CopyDBParameterGroupMessage, call) =>
        onParameterGroup(
          rds,
          'CopyDBParameterGroup',
          call.region,
          input.TargetDBParameterGroupIdentifier ?? '*',
          input.Tags,
        ),
      run: (input: rdsTypes.CopyDBParameterGroupMessage, call) => {
        const source = findParameterGroup(
          rds,
          call.region,
          (input.SourceDBParameterGroupIdentifier ?? '').split(':').at(-1) ?? '',
        )
        const name = checkGroupName(input.TargetDBParameterGroupIdentifier ?? '')
        if (rds.parameterGroups.has(keyOf(call.region, name)))
          throw new WireError('DBParameterGroupAlreadyExists', `Parameter group ${name} already exists`)
        const group = {
          ...source,
          name,
          description: input.TargetDBParameterGroupDescription ?? '',
          tags: input.Tags ?? [],
        }
        rds.parameterGroups.set(keyOf(call.region, name), group)
        return { DBParameterGroup: describe(rds, group) }
      },
    },
  }
}

/** Names of groups may carry dots only in the defaults. */
function checkGroupName(name: string): string {
  if (isDefault(name.toLowerCase()))
    throw new WireError(
      'InvalidParameterValue',
      'The parameter DBParameterGroupName is not a valid identifier: names that begin with default. are reserved.',
    )
  return checkIdentifier('DBParameterGroupName', name, 255)
}
