import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { stopTwin } from '../../bin/commands/down.ts'
import { openDeployment } from '../../bin/drill/deployment.ts'
import { ownerConnection } from '../../bin/rehearsal/owner.ts'
import { bringUp, controlOf } from '../../bin/twin-process.ts'
import { callControl } from '../../twin/control/client.ts'
import { assembly } from '../support/assembly.ts'

/**
 * The prod environment, Multi-AZ and with a standby in the other region, on a twin of its own. What its calendar would
 * start waits in any case: a drill or a backup at noon would meet the test's own.
 */
export async function openProdTwin(pauseSchedules: boolean) {
  const root = mkdtempSync(join(tmpdir(), 'holdfast-twin-'))
  // PostgreSQL runs as another account and must be able to pass.
  chmodSync(root, 0o711)
  process.env.HOLDFAST_TWINS = root
  const { directory } = await assembly('prod')
  const { twin } = await bringUp(
    {
      environment: 'prod',
      assembly: directory,
      only: [],
      noIam: false,
      pauseSchedules,
      holdCalendar: true,
    },
    () => {},
  )
  const deployment = await openDeployment({ env: 'prod', target: 'twin' })
  return {
    deployment,
    injure: (injury: Record<string, unknown>) => callControl<string>(controlOf(twin), 'injure', injury),
    /** A connection to the primary as the database's owner; the caller ends it. */
    async connect(): Promise<pg.Client> {
      const client = new pg.Client({
        ...(await ownerConnection(deployment)),
        connectionTimeoutMillis: 5_000,
        query_timeout: 10_000,
      })
      // A failover ends it; the next statement tells.
      client.on('error', () => {})
      await client.connect()
      return client
    },
    async close() {
      await deployment[Symbol.asyncDispose]()
      await stopTwin(twin)
      rmSync(root, { recursive: true, force: true })
    },
  }
}

export type ProdTwin = Awaited<ReturnType<typeof openProdTwin>>
