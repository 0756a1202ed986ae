import { readFileSync } from 'node:fs'
import { DescribeDBInstancesCommand, RDSClient } from '@aws-sdk/client-rds'
import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager'
import type { ClientConfig } from 'pg'
import { Refusal } from '../../lambdas/runtime/failure.ts'
import type { Deployment } from '../drill/deployment.ts'

/** How the database's owner connects to the primary: with the password of the deployed secret, over verified TLS. */
export async function ownerConnection(deployment: Deployment): Promise<ClientConfig> {
  const { config, twin } = deployment
  const region = deployment.region('home')
  const { host, port } = await findEndpoint(config.name, region)
  const secret = await readSecret(`${config.name}/master`, region)
  return {
    host,
    port,
    database: config.database.name,
    user: secret.username,
    password: secret.password,
    ssl: { rejectUnauthorized: true, ...(twin ? { ca: readFileSync(twin.caFile, 'utf8') } : {}) },
  }
}

async function findEndpoint(identifier: string, region: string): Promise<{ host: string; port: number }> {
  const rds = new RDSClient({ region })
  try {
    const { DBInstances } = await rds.send(
      new DescribeDBInstancesCommand({ DBInstanceIdentifier: identifier }),
    )
    const { Address, Port } = DBInstances?.[0]?.Endpoint ?? {}
    if (Address !== undefined && Port !== undefined) return { host: Address, port: Port }
    throw new Refusal('NoEndpoint', `${identifier} has no endpoint`, 'wait until it is available')
  } finally {
    rds.destroy()
  }
}

async function readSecret(id: string, region: string): Promise<{ username: string; password: string }> {
  const client = new SecretsManagerClient({ region })
  try {
    const { SecretString } = await client.send(new GetSecretValueCommand({ SecretId: id }))
    return JSON.parse(SecretString ?? '') as { username: string; password: string }
  } finally {
    client.destroy()
  }
}
