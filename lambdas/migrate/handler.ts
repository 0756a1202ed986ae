import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager'
import pg from 'pg'
import { json, number, text } from '../runtime/environment.ts'
import { Refusal, sentence, Transient } from '../runtime/failure.ts'
import { sealed } from '../runtime/sealed.ts'
import { type Migrated, migrate } from './migrate.ts'
import { ENV } from './names.ts'

let secrets: SecretsManagerClient | undefined

/** Migrates the database as its master user. Its event is ignored; the answer says what was applied. */
export const handler = sealed(migrateDatabase)

async function migrateDatabase(): Promise<Migrated> {
  const tables = json<string[]>(ENV.tables)
  const client = await openAsMaster()
  try {
    return await migrate(client, { archiveTables: tables })
  } finally {
    await client.end()
  }
}

async function openAsMaster(): Promise<pg.Client> {
  const { username, password } = await readSecret(text(ENV.secret))
  const client = new pg.Client({
    host: text(ENV.host),
    port: number(ENV.port),
    database: text(ENV.database),
    user: username,
    password,
    ssl: { rejectUnauthorized: true },
    application_name: 'holdfast-migrate',
    connectionTimeoutMillis: 15_000,
  })
  client.on('error', () => {})
  try {
    await client.connect()
    return client
  } catch (cause) {
    throw new Transient('DatabaseUnreachable', `${text(ENV.host)} cannot be reached: ${sentence(cause)}`, {
      cause,
    })
  }
}

async function readSecret(arn: string): Promise<{ username: string; password: string }> {
  secrets ??= new SecretsManagerClient({})
  const { SecretString } = await secrets.send(new GetSecretValueCommand({ SecretId: arn }))
  const { username, password } = JSON.parse(SecretString ?? '{}') as Record<string, unknown>
  if (typeof username !== 'string' || typeof password !== 'string')
    throw new Refusal(
      'BadSecret',
      `the secret ${arn} has no username and password`,
      'let RDS manage the master password, or store both as JSON',
    )
  return { username, password }
}
