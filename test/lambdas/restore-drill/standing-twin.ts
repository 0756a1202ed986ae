import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { DescribeDBInstancesCommand, RDSClient } from '@aws-sdk/client-rds'
import { ListObjectsV2Command } from '@aws-sdk/client-s3'
import pg from 'pg'
import { stopTwin } from '../../../bin/commands/down.ts'
import { type Deployment, openDeployment } from '../../../bin/drill/deployment.ts'
import { followDrill, type StageNews } from '../../../bin/drill/follow.ts'
import { startFunction } from '../../../bin/drill/invoke.ts'
import { startDrill } from '../../../bin/drill/start.ts'
import { ownerConnection } from '../../../bin/rehearsal/owner.ts'
import { bringUp, controlOf } from '../../../bin/twin-process.ts'
import type { DrillRequestInput, DrillResult } from '../../../lambdas/restore-drill/request.ts'
import { callControl } from '../../../twin/control/client.ts'
import { assembly } from '../../support/assembly.ts'

const REQUEST: DrillRequestInput = {
  target: { kind: 'latest' },
  objective: { rpoSeconds: 300, rtoSeconds: 3_600 },
  requestedBy: 'a test',
}

/** The dev environment, deployed to a twin of its own with some rows and heartbeats. */
export async function openStandingTwin() {
  const root = mkdtempSync(join(tmpdir(), 'holdfast-twin-'))
  // PostgreSQL runs as another account and must be able to pass.
  chmodSync(root, 0o711)
  process.env.HOLDFAST_TWINS = root
  const { directory } = await assembly('dev')
  const { twin } = await bringUp(
    // Heartbeat and archiver run by their rates; a drill that the calendar starts would meet the test's own.
    {
      environment: 'dev',
      assembly: directory,
      only: [],
      noIam: false,
      pauseSchedules: false,
      holdCalendar: true,
    },
    () => {},
  )
  const deployment = await openDeployment({ env: 'dev', target: 'twin' })
  const lambda = deployment.lambda('home')
  const rds = new RDSClient({ region: deployment.region('home') })
  await fill(deployment)
  await untilRestorable(rds, Date.now())
  const functionArn = await deployment.output('home', 'RestoreDrillArn')
  const control = <T>(verb: string, input: unknown = {}) => callControl<T>(controlOf(twin), verb, input)
  return {
    deployment,
    lambda,
    rds,
    functionArn,
    control,
    injure: (injury: Record<string, unknown>) => control<string>('injure', injury),
    start: (over: Partial<DrillRequestInput> = {}) =>
      startDrill(lambda, functionArn, { ...REQUEST, ...over }),
    follow: (execution: string, tell: (stages: readonly StageNews[]) => void = () => {}) =>
      followDrill(lambda, execution, tell),
    async drill(over: Partial<DrillRequestInput> = {}): Promise<DrillResult> {
      return followDrill(lambda, await startDrill(lambda, functionArn, { ...REQUEST, ...over }), () => {})
    },
    async close() {
      rds.destroy()
      await deployment[Symbol.asyncDispose]()
      await stopTwin(twin)
      rmSync(root, { recursive: true, force: true })
    },
  }
}

export type StandingTwin = Awaited<ReturnType<typeof openStandingTwin>>

async function fill(deployment: Deployment): Promise<void> {
  for (const output of ['HeartbeatArn', 'ArchiverArn'])
    await startFunction(deployment.lambda('home'), await deployment.output('home', output))
  const client = new pg.Client(await ownerConnection(deployment))
  await client.connect()
  try {
    await client.query(`
      create table public.orders (id bigint generated always as identity primary key, total numeric(10, 2) not null, note text);
      insert into public.orders (total, note) select i * 1.5, repeat('x', (i % 50)::int) from generate_series(1, 5000) i;
      grant select on public.orders to holdfast_workload`)
    // A drill needs a heartbeat before its moment, and the archive must have begun before that heartbeat.
    const bucket = await deployment.output('home', 'SegmentsBucket')
    const s3 = deployment.s3('home')
    while (((await s3.send(new ListObjectsV2Command({ Bucket: bucket }))).KeyCount ?? 0) === 0)
      await sleep(200)
    const count = async () => {
      const { rows } = await client.query<{ n: number }>('select count(*)::int as n from holdfast.heartbeat')
      return rows[0]?.n ?? 0
    }
    const archived = await count()
    while ((await count()) < archived + 3) await sleep(200)
  } finally {
    await client.end()
  }
}

/** The log is shipped with a delay: what was written is restored only once that moment is in the window. */
async function untilRestorable(rds: RDSClient, moment: number): Promise<void> {
  for (;;) {
    const { DBInstances = [] } = await rds.send(new DescribeDBInstancesCommand({}))
    if ((DBInstances[0]?.LatestRestorableTime?.getTime() ?? 0) > moment + 1_000) return
    await sleep(200)
  }
}
