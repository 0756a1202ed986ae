import { readFileSync } from 'node:fs'
import {
  AddTagsToResourceCommand,
  DeleteDBInstanceCommand,
  DescribeDBInstancesCommand,
  RemoveTagsFromResourceCommand,
  RestoreDBInstanceToPointInTimeCommand,
  waitUntilDBInstanceAvailable,
  waitUntilDBInstanceDeleted,
} from '@aws-sdk/client-rds'
import { Signer } from '@aws-sdk/rds-signer'
import pg from 'pg'
import type { LiveTwin } from '../../../bin/target.ts'
import { type Clients, HOME, type Keys } from './scene.ts'

/** A real copy of production, whose tags a test changes under the functions that enter it. */
export const ENTERED = 'drill-shop-prod-entered'

export type Tags = Readonly<Record<string, string>>

const listOf = (tags: Tags) => Object.entries(tags).map(([Key, Value]) => ({ Key, Value }))
const waiting = (rds: Clients['rds']) => ({ client: rds, maxWaitTime: 120, minDelay: 1, maxDelay: 1 })

/** Restores production, with every user that it has. */
export async function restoreEntered({ rds }: Clients): Promise<void> {
  await rds.send(
    new RestoreDBInstanceToPointInTimeCommand({
      SourceDBInstanceIdentifier: 'shop-prod',
      TargetDBInstanceIdentifier: ENTERED,
      UseLatestRestorableTime: true,
      DBSubnetGroupName: 'shop-prod',
      DBParameterGroupName: 'shop-prod-drill-postgres18',
      EnableIAMDatabaseAuthentication: true,
      DeletionProtection: false,
    }),
  )
  await waitUntilDBInstanceAvailable(waiting(rds), { DBInstanceIdentifier: ENTERED })
}

export async function deleteEntered({ rds }: Clients): Promise<void> {
  await rds.send(
    new DeleteDBInstanceCommand({
      DBInstanceIdentifier: ENTERED,
      SkipFinalSnapshot: true,
      DeleteAutomatedBackups: true,
    }),
  )
  await waitUntilDBInstanceDeleted(waiting(rds), { DBInstanceIdentifier: ENTERED })
}

/** Gives the copy exactly these tags. */
export async function retag({ rds }: Clients, tags: Tags): Promise<void> {
  const { DBInstances = [] } = await rds.send(
    new DescribeDBInstancesCommand({ DBInstanceIdentifier: ENTERED }),
  )
  const [found] = DBInstances
  const ResourceName = found?.DBInstanceArn
  const TagKeys = (found?.TagList ?? []).flatMap(({ Key }) => Key ?? [])
  await rds.send(new RemoveTagsFromResourceCommand({ ResourceName, TagKeys }))
  await rds.send(new AddTagsToResourceCommand({ ResourceName, Tags: listOf(tags) }))
}

/** Whether a role's key opens the instance as that user: `in`, or PostgreSQL's code for the refusal. */
export async function enter(
  twin: LiveTwin,
  { rds }: Clients,
  who: { readonly keys: Keys; readonly user: string },
  identifier: string,
): Promise<string> {
  const { DBInstances = [] } = await rds.send(
    new DescribeDBInstancesCommand({ DBInstanceIdentifier: identifier }),
  )
  const { DBName: database, Endpoint } = DBInstances[0] ?? {}
  const { Address: host = '', Port: port = 0 } = Endpoint ?? {}
  const signer = new Signer({
    hostname: host,
    port,
    username: who.user,
    region: HOME,
    credentials: who.keys,
  })
  const ca = readFileSync(twin.caFile, 'utf8')
  const client = new pg.Client({
    ...{ host, port, user: who.user, password: await signer.getAuthToken(), database },
    ssl: { ca, checkServerIdentity: () => undefined },
  })
  client.on('error', () => {})
  try {
    await client.connect()
    return 'in'
  } catch (error) {
    return (error as { code?: string }).code ?? String(error)
  } finally {
    await client.end().catch(() => {})
  }
}
