export const ENV = {
  host: 'DATABASE_HOST',
  port: 'DATABASE_PORT',
  database: 'DATABASE_NAME',
  secret: 'DATABASE_SECRET_ARN',
  /** JSON list of `schema.table`, `schema.*` or `*.*` patterns to archive; `[]` when the archive is off. */
  tables: 'ARCHIVE_TABLES',
} as const
