import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { RDSClient } from '@aws-sdk/client-rds'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import pg from 'pg'
import { stopTwin } from '../../bin/commands/down.ts'
import { type Deployment, openDeployment } from '../../bin/drill/deployment.ts'
import { startFunction } from '../../bin/drill/invoke.ts'
import { ownerConnection } from '../../bin/rehearsal/owner.ts'
import type { Restored } from '../../bin/restore/show.ts'
import { readInstance } from '../../bin/restore/source.ts'
import { bringUp } from '../../bin/twin-process.ts'
import { assembly } from '../support/assembly.ts'
import { holdfast } from './run.ts'

let root: string
let twin: Awaited<ReturnType<typeof bringUp>>['twin']
let deployment: Deployment

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'holdfast-twin-'))
  // PostgreSQL runs as another account and must be able to pass.
  chmodSync(root, 0o711)
  process.env.HOLDFAST_TWINS = root
  const { directory } = await assembly('prod')
  const brought = await bringUp(
    { environment: 'prod', assembly: directory, only: [], noIam: false, pauseSchedules: false },
    () => {},
  )
  twin = brought.twin
  deployment = await openDeployment({ env: 'prod', target: 'twin' })
  await startFunction(deployment.lambda('home'), await deployment.output('home', 'HeartbeatArn'))
  await untilBeats(3)
}, 300_000)

afterAll(async () => {
  await deployment?.[Symbol.asyncDispose]()
  if (twin) await stopTwin(twin)
  rmSync(root, { recursive: true, force: true })
}, 120_000)

async function untilBeats(wanted: number): Promise<void> {
  const client = new pg.Client(await ownerConnection(deployment))
  await client.connect()
  try {
    for (;;) {
      const { rows } = await client.query('select count(*)::int as n from holdfast.heartbeat')
      if (rows[0].n >= wanted) return
      await sleep(200)
    }
  } finally {
    await client.end()
  }
}

const restore = (...args: string[]) =>
  holdfast(['restore', '--env', 'prod', '--target', 'twin', '--region', 'standby', '--to', 'latest', ...args])

test('the replicated backups come back in the other region, proven against the standby there', async () => {
  const { code, stdout, stderr } = await restore('--name', 'shop-prod-away', '--json')
  expect({ code, stderr }).toMatchObject({ code: 0 })
  const restored = JSON.parse(stdout) as Restored
  expect(restored).toMatchObject({ verdict: 'pass', identifier: 'shop-prod-away', region: 'us-west-2' })
  expect(restored.from).toContain(':us-west-2:')
  const rds = new RDSClient({ region: 'us-west-2' })
  try {
    expect(await readInstance(rds, 'shop-prod-away')).toMatchObject({
      DeletionProtection: true,
      DBInstanceClass: 'db.r6g.xlarge',
    })
  } finally {
    rds.destroy()
  }
}, 300_000)

test('the tail is refused where nothing could apply it, before anything is made', async () => {
  const { code, stderr } = await restore('--with-archive')
  expect(code).toBe(1)
  expect(stderr).toContain('nothing rolls a copy forward in us-west-2')
  expect(stderr).toContain('HINT: restore there without --with-archive')
}, 60_000)
