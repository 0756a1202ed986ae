export const ENV = {
  host: 'DATABASE_HOST',
  port: 'DATABASE_PORT',
  database: 'DATABASE_NAME',
  secret: 'DATABASE_SECRET_ARN',
  /** JSON list of `schema.table` or `schema.*` patterns to archive; `[]` when the archive is off. */
  tables: 'ARCHIVE_TABLES',
} as const
