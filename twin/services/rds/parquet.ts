import { ByteWriter, type ColumnSource, parquetWrite } from 'hyparquet-writer'

/** A column as PostgreSQL describes it. */
export type TableColumn = { readonly name: string; readonly type: string; readonly isNullable: boolean }

/** Rows of one part of a table as a Parquet file. Values are text but for booleans and numbers that fit theirs. */
export function writeParquet(
  columns: readonly TableColumn[],
  rows: readonly Record<string, unknown>[],
): Uint8Array {
  const writer = new ByteWriter()
  const columnData: ColumnSource[] = columns.map(({ name, type, isNullable }) => ({
    name,
    type: parquetType(type),
    nullable: isNullable,
    data: rows.map(row => convert(type, row[name])),
  }))
  parquetWrite({ writer, columnData })
  return new Uint8Array(writer.getBuffer())
}

function parquetType(type: string): 'BOOLEAN' | 'INT32' | 'INT64' | 'DOUBLE' | 'STRING' {
  if (type === 'boolean') return 'BOOLEAN'
  if (type === 'smallint' || type === 'integer') return 'INT32'
  if (type === 'bigint') return 'INT64'
  if (type === 'real' || type === 'double precision') return 'DOUBLE'
  return 'STRING'
}

/** Rows come as text: what has no type of its own in Parquet stays the text that PostgreSQL prints. */
function convert(type: string, value: unknown): unknown {
  if (value === null || value === undefined) return null
  const text = String(value)
  if (type === 'boolean') return text === 't' || text === 'true'
  if (type === 'smallint' || type === 'integer' || type === 'real' || type === 'double precision')
    return Number(text)
  if (type === 'bigint') return BigInt(text)
  return text
}
