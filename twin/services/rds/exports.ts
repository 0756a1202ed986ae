import { randomUUID } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type * as rdsTypes from '@aws-sdk/client-rds'
import type pg from 'pg'
import type { Cluster } from '../../postgres/cluster.ts'
import { quoteIdentifier } from '../../postgres/quote.ts'
import { recover } from '../../postgres/recovery.ts'
import { type Call, type Operation, WireError } from '../../wire/call.ts'
import { arnOf, findSnapshot, goOn, keyOf, type Rds } from './context.ts'
import { checkIdentifier } from './identifiers.ts'
import { filter, page } from './paging.ts'
import { type TableColumn, writeParquet } from './parquet.ts'
import type { ExportRecord, SnapshotRecord } from './records.ts'

const MAX_RUNNING = 5
const BATCH_ROWS = 20_000
const GIB = 1024 ** 3
const isRunning = (task: ExportRecord) => /^(STARTING|IN_PROGRESS|CANCELING)$/.test(task.status)

function describe(task: ExportRecord): rdsTypes.ExportTask {
  const date = (at: number | undefined) => (at === undefined ? undefined : new Date(at))
  return {
    ExportTaskIdentifier: task.id,
    SourceArn: task.sourceArn,
    ExportOnly: [...task.only],
    SnapshotTime: new Date(task.snapshotTime),
    TaskStartTime: date(task.startedAt),
    TaskEndTime: date(task.endedAt),
    S3Bucket: task.bucket,
    S3Prefix: task.prefix,
    IamRoleArn: task.roleArn,
    KmsKeyId: task.kmsKeyId,
    Status: task.status,
    PercentProgress: task.progress,
    TotalExtractedDataInGB: Math.round(task.extractedGb),
    FailureCause: task.failure,
    WarningMessage: task.warning,
    SourceType: task.sourceType,
  }
}

function startExport(rds: Rds, input: rdsTypes.StartExportTaskMessage, call: Call) {
  const id = checkIdentifier('ExportTaskIdentifier', input.ExportTaskIdentifier, 60)
  if (rds.exports.has(keyOf(call.region, id)))
    throw new WireError('ExportTaskAlreadyExists', `An export task with the identifier ${id} already exists.`)
  if (!rds.options.putObject)
    throw new WireError('InvalidS3BucketFault', `The twin has no S3 to export to: ${input.S3BucketName}`)
  if (!/:snapshot:/.test(input.SourceArn ?? ''))
    throw new WireError('InvalidExportSourceState', 'The twin exports snapshots of instances.')
  const snapshot = findSnapshot(rds, call.region, input.SourceArn ?? '')
  if (snapshot.region !== call.region || snapshot.status !== 'available')
    throw new WireError(
      'InvalidExportSourceState',
      `Snapshot ${snapshot.id} is not available in ${call.region}.`,
    )
  if (input.S3Prefix?.includes(':'))
    throw new WireError('InvalidParameterValue', 'S3Prefix must not contain a colon.')
  const sourceArn = arnOf(rds, snapshot.region, 'snapshot', snapshot.id)
  const running = rds.exports.values().filter(isRunning)
  if (running.length >= MAX_RUNNING)
    throw new WireError(
      'InvalidExportSourceState',
      `Cannot run more than ${MAX_RUNNING} export tasks at the same time.`,
    )
  if (running.some(task => task.sourceArn === sourceArn))
    throw new WireError('InvalidExportSourceState', `Snapshot ${snapshot.id} is already being exported.`)
  for (const name of input.ExportOnly ?? [])
    if (!/^[^.]+(\.[^.]+){0,2}$/.test(name))
      throw new WireError(
        'InvalidExportOnly',
        `${name} is not database, database.schema or database.schema.table.`,
      )
  const task: ExportRecord = {
    region: call.region,
    id,
    sourceArn,
    sourceType: 'SNAPSHOT',
    only: input.ExportOnly ?? [],
    bucket: input.S3BucketName ?? '',
    prefix: input.S3Prefix ?? '',
    roleArn: input.IamRoleArn ?? '',
    kmsKeyId: input.KmsKeyId ?? '',
    status: 'STARTING',
    progress: 0,
    snapshotTime: snapshot.createdAt,
    extractedGb: 0,
  }
  rds.exports.set(keyOf(call.region, id), task)
  goOn(rds, `export ${id}`, () => runExport(rds, task, snapshot))
  return describe(task)
}

const current = (rds: Rds, task: ExportRecord) => rds.exports.get(keyOf(task.region, task.id))

function change(rds: Rds, task: ExportRecord, what: Partial<ExportRecord>): void {
  const now = current(rds, task)
  if (now) rds.exports.set(keyOf(task.region, task.id), { ...now, ...what })
}

/** Restores the snapshot aside, as RDS does, writes its tables, and throws the copy away. */
async function runExport(rds: Rds, task: ExportRecord, snapshot: SnapshotRecord): Promise<void> {
  const dir = join(rds.options.root, 'clusters', `export-${task.region}-${task.id}`)
  let cluster: Cluster | undefined
  try {
    change(rds, task, { startedAt: rds.now() })
    await rm(dir, { recursive: true, force: true })
    cluster = await recover({ backup: snapshot.dir, to: dir, target: 'immediate' })
    change(rds, task, { status: 'IN_PROGRESS' })
    const isComplete = await exportTables(rds, task, cluster)
    change(
      rds,
      task,
      isComplete
        ? { status: 'COMPLETE', progress: 100, endedAt: rds.now() }
        : { status: 'CANCELED', endedAt: rds.now() },
    )
  } catch (error) {
    rds.log(`export ${task.id}: ${(error as Error).message}`)
    change(rds, task, { status: 'FAILED', failure: (error as Error).message, endedAt: rds.now() })
  } finally {
    await cluster?.kill()
    await rm(dir, { recursive: true, force: true })
  }
}

type Table = {
  readonly database: string
  readonly schema: string
  readonly table: string
  readonly columns: TableColumn[]
}

async function exportTables(rds: Rds, task: ExportRecord, cluster: Cluster): Promise<boolean> {
  const tables = await listTables(cluster, task.only)
  const root = [task.prefix, task.id].filter(part => part !== '').join('/')
  const put = (key: string, body: Uint8Array | string) =>
    rds.options.putObject?.({
      region: task.region,
      bucket: task.bucket,
      key: `${root}/${key}`,
      body: typeof body === 'string' ? new TextEncoder().encode(body) : body,
      roleArn: task.roleArn,
    })
  const infos: unknown[] = []
  for (const [index, table] of tables.entries()) {
    if (current(rds, task)?.status === 'CANCELING') return false
    const bytes = await exportTable(cluster, table, put)
    infos.push({
      target: `${table.database}.${table.schema}.${table.table}`,
      tableStatistics: {
        extractionStartTime: null,
        partitioningInfo: { numberOfPartitions: 1, numberOfCompletedPartitions: 1 },
        sizeGB: bytes / GIB,
      },
      schemaMetadata: {
        originalTypeMappings: table.columns.map(({ name, type }) => ({
          columnName: name,
          originalType: type,
        })),
      },
      status: 'COMPLETE',
    })
    change(rds, task, {
      progress: Math.floor(((index + 1) / tables.length) * 99),
      extractedGb: (current(rds, task)?.extractedGb ?? 0) + bytes / GIB,
    })
  }
  await put(
    `export_tables_info_${task.id}_from_1_to_${tables.length}.json`,
    JSON.stringify({ perTableStatus: infos }),
  )
  await put(
    `export_info_${task.id}.json`,
    JSON.stringify({
      ...describe({ ...task, status: 'COMPLETE', progress: 100 }),
      taskEndTime: new Date(rds.now()).toISOString(),
    }),
  )
  return true
}

async function listTables(cluster: Cluster, only: readonly string[]): Promise<Table[]> {
  const databases = await cluster.query(
    "select datname from pg_catalog.pg_database where not datistemplate and datname <> 'rdsadmin' order by datname",
  )
  const tables: Table[] = []
  for (const { datname } of databases) {
    const rows = await cluster.query(
      `select n.nspname as schema, c.relname as table,
         json_agg(json_build_object('name', a.attname, 'type', pg_catalog.format_type(a.atttypid, null), 'isNullable', not a.attnotnull) order by a.attnum) as columns
       from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
         join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
       where c.relkind = 'r' and c.relpersistence = 'p' and n.nspname !~ '^(pg_|information_schema)' and c.relname !~ '/'
       group by 1, 2 order by 1, 2`,
      [],
      String(datname),
    )
    tables.push(...rows.map(row => ({ database: String(datname), ...row }) as Table))
  }
  const isWanted = ({ database, schema, table }: Table) =>
    only.length === 0 ||
    only.some(name => [database, `${database}.${schema}`, `${database}.${schema}.${table}`].includes(name))
  const chosen = tables.filter(isWanted)
  for (const name of only)
    if (
      !tables.some(({ database, schema, table }) => `${database}.${schema}.${table}.`.startsWith(`${name}.`))
    )
      throw new Error(`The snapshot has no ${name}.`)
  return chosen
}

/** Writes one table in batches of a cursor; returns the bytes written. */
async function exportTable(
  cluster: Cluster,
  { database, schema, table, columns }: Table,
  put: (key: string, body: Uint8Array | string) => Promise<void> | undefined,
): Promise<number> {
  const client: pg.Client = await cluster.connect(database)
  const list = columns.map(({ name }) => `${quoteIdentifier(name)}::text`).join(', ')
  let bytes = 0
  try {
    await client.query(
      `begin isolation level repeatable read; declare rows cursor for select ${list || 'null'} from only ${quoteIdentifier(schema)}.${quoteIdentifier(table)}`,
    )
    for (let part = 0; ; part++) {
      const { rows } = await client.query(`fetch ${BATCH_ROWS} from rows`)
      if (rows.length === 0 && part > 0) break
      const body = writeParquet(columns, rows)
      bytes += body.length
      const number = String(part).padStart(5, '0')
      await put(`${database}/${schema}.${table}/1/part-${number}-${randomUUID()}.gz.parquet`, body)
      if (rows.length < BATCH_ROWS) break
    }
    await put(`${database}/${schema}.${table}/1/_SUCCESS`, '')
    return bytes
  } finally {
    await client.end()
  }
}

/** Exports of snapshots to S3 in Parquet. */
export function exportOperations(rds: Rds): Record<string, Operation> {
  const anywhere = (action: string) => () => [{ action: `rds:${action}`, resource: '*' }]
  return {
    StartExportTask: {
      questions: (input: rdsTypes.StartExportTaskMessage) => [
        { action: 'rds:StartExportTask', resource: '*' },
        {
          action: 'iam:PassRole',
          resource: input.IamRoleArn ?? '*',
          context: { 'iam:PassedToService': 'export.rds.amazonaws.com' },
        },
      ],
      run: (input: rdsTypes.StartExportTaskMessage, call) => startExport(rds, input, call),
    },
    CancelExportTask: {
      questions: anywhere('CancelExportTask'),
      run: (input: rdsTypes.CancelExportTaskMessage, call) => {
        const task = rds.exports.get(keyOf(call.region, (input.ExportTaskIdentifier ?? '').toLowerCase()))
        if (!task)
          throw new WireError(
            'ExportTaskNotFound',
            `Export task ${input.ExportTaskIdentifier} not found.`,
            404,
          )
        if (!isRunning(task))
          throw new WireError('InvalidExportTaskStateFault', `Export task ${task.id} is ${task.status}.`)
        change(rds, task, { status: 'CANCELING' })
        return describe({ ...task, status: 'CANCELING' })
      },
    },
    DescribeExportTasks: {
      questions: anywhere('DescribeExportTasks'),
      run: (input: rdsTypes.DescribeExportTasksMessage, call) => {
        const here = rds.exports.values().filter(task => task.region === call.region)
        const id = input.ExportTaskIdentifier?.toLowerCase()
        const named = here.filter(
          task =>
            (id === undefined || task.id === id) &&
            (input.SourceArn === undefined || task.sourceArn === input.SourceArn) &&
            (input.SourceType === undefined || task.sourceType === input.SourceType),
        )
        if (id !== undefined && named.length === 0)
          throw new WireError('ExportTaskNotFound', `Export task ${id} not found.`, 404)
        const chosen = filter(named, input.Filters, {
          'export-task-identifier': task => [task.id],
          's3-bucket': task => [task.bucket],
          'source-arn': task => [task.sourceArn],
          status: task => [task.status.toLowerCase()],
        }).sort((a, b) => (a.id < b.id ? -1 : 1))
        const { items, Marker } = page(chosen, input, task => task.id)
        return { ExportTasks: items.map(describe), Marker }
      },
    },
  }
}
