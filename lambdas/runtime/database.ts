import { Signer } from '@aws-sdk/rds-signer'
import pg from 'pg'

/** Where a database answers and as whom to ask it. The password is an IAM token, signed locally: no secret, no endpoint. */
export type Login = {
  readonly host: string
  readonly port: number
  readonly database: string
  readonly user: string
}

export type ConnectOptions = {
  /** Shown in pg_stat_activity. */
  readonly application: string
  /** Milliseconds; 0 means no limit. */
  readonly statementTimeout: number
  /** Send statements without waiting for the answer to the one before. @default false */
  readonly pipeline?: boolean
  /** Milliseconds until a connection attempt counts as failed. @default 15_000 */
  readonly connectTimeout?: number
  /** Milliseconds until an answer that does not come counts as lost, as behind a dead host. @default no limit */
  readonly queryTimeout?: number
}

/** Milliseconds, the most that PostgreSQL takes: the driver does not send 0, and a database's own limit would count. */
const NO_LIMIT = 2_147_483_647

/**
 * An open connection over TLS with IAM authentication. The caller ends it.
 * Certificates are verified against NODE_EXTRA_CA_CERTS, which the Lambda runtime ships with the RDS authorities.
 */
export async function connect(login: Login, options: ConnectOptions): Promise<pg.Client> {
  const signer = new Signer({ hostname: login.host, port: login.port, username: login.user })
  const client = new pg.Client({
    host: login.host,
    port: login.port,
    database: login.database,
    user: login.user,
    password: await signer.getAuthToken(),
    ssl: { rejectUnauthorized: true },
    application_name: options.application,
    statement_timeout: options.statementTimeout || NO_LIMIT,
    ...(options.pipeline && { pipeline: true }),
    connectionTimeoutMillis: options.connectTimeout ?? 15_000,
    // A host that is gone, as after a failover, says nothing: a statement that takes minutes must not wait for it.
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
    ...(options.queryTimeout !== undefined && { query_timeout: options.queryTimeout }),
  })
  // An idle connection that the server closes must not end the process: the next query reports it.
  client.on('error', () => {})
  await client.connect()
  return client
}
