import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import * as sdk from '@aws-sdk/client-rds'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { openTarget, type Target } from './target.ts'

type Tuple = readonly unknown[]
const exported = sdk as unknown as Record<string, unknown>

/** Operations that the twin has, from the schemas of the SDK: name, input schema. */
const OPERATIONS = [
  ...['AddTagsToResource', 'CancelExportTask', 'CopyDBParameterGroup', 'CopyDBSnapshot', 'CreateDBInstance'],
  ...['CreateDBInstanceReadReplica', 'CreateDBParameterGroup', 'CreateDBProxy', 'CreateDBSnapshot'],
  ...['CreateDBSubnetGroup', 'DeleteDBInstance', 'DeleteDBInstanceAutomatedBackup', 'DeleteDBParameterGroup'],
  ...['DeleteDBProxy', 'DeleteDBSnapshot', 'DeleteDBSubnetGroup', 'DeregisterDBProxyTargets'],
  ...['DescribeDBEngineVersions', 'DescribeDBInstanceAutomatedBackups', 'DescribeDBInstances'],
  ...['DescribeDBLogFiles', 'DescribeDBParameterGroups', 'DescribeDBParameters', 'DescribeDBProxies'],
  ...[
    'DescribeDBProxyTargetGroups',
    'DescribeDBProxyTargets',
    'DescribeDBSnapshots',
    'DescribeDBSubnetGroups',
  ],
  ...['DescribeEngineDefaultParameters', 'DescribeEvents', 'DescribeExportTasks', 'DownloadDBLogFilePortion'],
  ...['ListTagsForResource', 'ModifyDBInstance', 'ModifyDBParameterGroup', 'ModifyDBProxy'],
  ...['ModifyDBProxyTargetGroup', 'ModifyDBSubnetGroup', 'PromoteReadReplica', 'RebootDBInstance'],
  ...['RegisterDBProxyTargets', 'RemoveTagsFromResource', 'ResetDBParameterGroup'],
  ...['RestoreDBInstanceFromDBSnapshot', 'RestoreDBInstanceToPointInTime', 'StartDBInstance'],
  ...['StartDBInstanceAutomatedBackupsReplication', 'StartExportTask', 'StopDBInstance'],
  'StopDBInstanceAutomatedBackupsReplication',
]

const inputOf = (operation: string) => {
  const input = (exported[`${operation}$`] as Tuple)[4]
  return (typeof input === 'function' ? input() : input) as Tuple
}
const requiredOf = (operation: string) => {
  const input = inputOf(operation)
  return (input[4] as string[]).slice(0, (input[6] as number | undefined) ?? 0)
}

// biome-ignore lint/suspicious/noExplicitAny: the commands are chosen by name
const command = (operation: string, input: object): any =>
  new (exported[`${operation}Command`] as new (input: object) => object)(input)

let target: Target

beforeAll(async () => {
  target = await openTarget()
})
afterAll(() => target.close())

test('the twin has these operations and no others', () => {
  if (!target.twin) return
  expect(Object.keys(target.twin.rds().service.operations).sort()).toEqual([...OPERATIONS].sort())
})

test.each(OPERATIONS.filter(name => requiredOf(name).length > 0))(
  '%s refuses a request that lacks a required member, by its name',
  async operation => {
    await expect(target.rds().send(command(operation, {}))).rejects.toMatchObject({
      name: expect.stringMatching(/^(MissingParameter|ValidationError)$/),
      message: expect.stringContaining(requiredOf(operation)[0]!),
    })
  },
)

test.each(['CreateDBCluster', 'CreateOptionGroup', 'DescribePendingMaintenanceActions'])(
  '%s, which the twin does not have, is refused by its name',
  async operation => {
    if (!target.isTwin) return
    const input = Object.fromEntries(requiredOf(operation).map(name => [name, 'x']))
    await expect(target.rds().send(command(operation, input))).rejects.toThrow(operation)
  },
)

/** Inputs without which a paginator has nothing to ask about. */
const SUBJECTS: Record<string, object> = {
  DescribeDBParameters: { DBParameterGroupName: 'default.postgres18' },
  DescribeEngineDefaultParameters: { DBParameterGroupFamily: 'postgres18' },
}
const PAGINATED = Object.keys(exported)
  .filter(name => name.startsWith('paginate'))
  .map(name => name.slice('paginate'.length))
  .filter(name => OPERATIONS.includes(name) && (requiredOf(name).length === 0 || name in SUBJECTS))

test.each(PAGINATED)('the paginator of %s comes to its end', async operation => {
  const paginate = exported[`paginate${operation}`] as (
    config: object,
    input: object,
  ) => AsyncIterable<object>
  let pages = 0
  for await (const page of paginate({ client: target.rds(), pageSize: 20 }, SUBJECTS[operation] ?? {})) {
    expect(page).toBeDefined()
    pages++
  }
  expect(pages).toBeGreaterThan(0)
})

/** Codes that every AWS service may answer and no model declares. */
const COMMON = new Set([
  'InvalidParameterValue',
  'InvalidParameterCombination',
  'MissingParameter',
  'InternalFailure',
])

test('every refusal in the source is one that the model declares, with its status', () => {
  const declared = new Map<string, number>()
  for (const schema of Object.values(exported)) {
    if (!Array.isArray(schema) || schema[0] !== -3) continue
    const [code, status] = ((schema[3] as { awsQueryError?: [string, number] }).awsQueryError ?? []) as [
      string,
      number,
    ]
    if (code) declared.set(code, status)
  }
  expect(declared.get('DBInstanceNotFound')).toBe(404)
  const folder = join(import.meta.dirname, '../../twin/services/rds')
  const wrong: string[] = []
  let seen = 0
  for (const file of readdirSync(folder)) {
    const source = readFileSync(join(folder, file), 'utf8')
    for (const [whole, code = '', rest = ''] of source.matchAll(
      /new WireError\(\s*'(\w+)',((?:[^()]|\([^()]*\)|\((?:[^()]|\([^()]*\))*\))*)\)/g,
    )) {
      seen++
      const status = Number(/,\s*(\d{3}),?\s*$/.exec(rest)?.[1] ?? 400)
      if (!COMMON.has(code) && declared.get(code) !== status)
        wrong.push(`${file}: ${code} ${status}, declared ${declared.get(code)}: ${whole.slice(0, 40)}`)
    }
  }
  expect(seen).toBeGreaterThan(60)
  expect(wrong).toEqual([])
})
