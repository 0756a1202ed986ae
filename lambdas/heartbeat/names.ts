export const ENV = {
  host: 'DATABASE_HOST',
  port: 'DATABASE_PORT',
  database: 'DATABASE_NAME',
  user: 'DATABASE_USER',
  instance: 'DATABASE_INSTANCE',
  code: 'HOLDFAST_CODE',
} as const

/** The database user; the stack's rds-db:connect names it too. */
export const USER = 'holdfast_heartbeat'

export const METRICS = { age: 'HeartbeatAgeSeconds', written: 'HeartbeatsWritten' } as const
