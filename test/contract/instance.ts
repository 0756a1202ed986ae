import { CreateDBInstanceCommand, type CreateDBInstanceMessage, type DBInstance } from '@aws-sdk/client-rds'
import { expect } from '@jest/globals'
import type pg from 'pg'
import { type Target, untilStatus } from './target.ts'

/** The owner of the instances that the suite makes. */
export const login = { user: 'master', password: 'correct-horse', database: 'shop' }

/** What a small instance of the suite is made of. */
export const SMALL = {
  Engine: 'postgres',
  DBInstanceClass: 'db.t4g.micro',
  AllocatedStorage: 20,
  MasterUsername: login.user,
  MasterUserPassword: login.password,
  DBName: login.database,
} as const

/** Makes an instance, and answers it when it is available. */
export async function createInstance(
  target: Target,
  id: string,
  members: Partial<CreateDBInstanceMessage> = {},
): Promise<DBInstance> {
  const rds = target.rds()
  await rds.send(new CreateDBInstanceCommand({ DBInstanceIdentifier: id, ...SMALL, ...members }))
  return untilStatus(rds, id, 'available', 3600)
}

/** The rows that a statement answers on an instance. */
export async function queryOn(
  target: Target,
  instance: DBInstance,
  text: string,
  as: Partial<typeof login> = {},
) {
  const client: pg.Client = await target.connect(instance, { ...login, ...as })
  try {
    return (await client.query(text)).rows
  } finally {
    await client.end()
  }
}

/** How a call is refused: the SDK's class, the code on the wire and the status. */
export const refusal = (name: string, Code: string, httpStatusCode: number) => ({
  name,
  Code,
  $metadata: expect.objectContaining({ httpStatusCode }),
})
