import { setTimeout as sleep } from 'node:timers/promises'
import { DescribeDBInstanceAutomatedBackupsCommand, RDSClient } from '@aws-sdk/client-rds'
import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { startFunction } from '../../bin/drill/invoke.ts'
import type { Restored } from '../../bin/restore/show.ts'
import { readInstance } from '../../bin/restore/source.ts'
import { openProdTwin, type ProdTwin } from './prod-twin.ts'
import { holdfast } from './run.ts'

let twin: ProdTwin
const rds = new RDSClient({ region: 'us-west-2' })

/** The newest moment that the other region can restore, ms since the epoch. */
async function reached(): Promise<number> {
  const { DBInstanceAutomatedBackups: backups = [] } = await rds.send(
    new DescribeDBInstanceAutomatedBackupsCommand({}),
  )
  return Math.max(
    0,
    ...backups
      .filter(({ Region }) => Region === 'us-east-1')
      .map(({ RestoreWindow }) => RestoreWindow?.LatestTime?.getTime() ?? 0),
  )
}

beforeAll(async () => {
  twin = await openProdTwin(false)
  const { deployment } = twin
  await startFunction(deployment.lambda('home'), await deployment.output('home', 'HeartbeatArn'))
  const client = await twin.connect()
  const beats = async () =>
    (await client.query('select count(*)::int as n from holdfast.heartbeat')).rows[0].n as number
  while ((await beats()) < 3) await sleep(200)
  await client.end()
  // The other region is behind: a copy from before the first heartbeat would prove nothing.
  const beating = Date.now()
  while ((await reached()) < beating) await sleep(200)
}, 300_000)

afterAll(async () => {
  rds.destroy()
  await twin?.close()
}, 120_000)

test('the master password is kept in the other region too, for when the home region does not answer', async () => {
  const values = await Promise.all(
    ['us-east-1', 'us-west-2'].map(async region => {
      const client = new SecretsManagerClient({ region })
      const { SecretString = '' } = await client.send(
        new GetSecretValueCommand({ SecretId: 'shop-prod/master' }),
      )
      client.destroy()
      return (JSON.parse(SecretString) as { password: string }).password
    }),
  )
  expect(values[0]).toMatch(/^.{40}$/)
  expect(values[1]).toBe(values[0])
})

const restore = (...args: string[]) =>
  holdfast(['restore', '--env', 'prod', '--target', 'twin', '--region', 'standby', '--to', 'latest', ...args])

test('the replicated backups come back in the other region, proven against the standby there', async () => {
  const { code, stdout, stderr } = await restore('--name', 'shop-prod-away', '--json')
  expect({ code, stderr }).toEqual({ code: 0, stderr: expect.any(String) })
  const restored = JSON.parse(stdout) as Restored
  expect(restored).toMatchObject({ verdict: 'pass', identifier: 'shop-prod-away', region: 'us-west-2' })
  expect(restored.from).toContain(':us-west-2:')
  expect(await readInstance(rds, 'shop-prod-away')).toMatchObject({
    DeletionProtection: true,
    DBInstanceClass: 'db.r6g.xlarge',
  })
}, 300_000)

test('the tail is refused where nothing could apply it, before anything is made', async () => {
  const { code, stderr } = await restore('--with-archive')
  expect(code).toBe(1)
  expect(stderr).toContain('nothing rolls a copy forward in us-west-2')
  expect(stderr).toContain('HINT: restore there without --with-archive')
}, 180_000)
