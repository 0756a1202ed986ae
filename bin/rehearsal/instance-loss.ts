import { execFile } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import pg from 'pg'
import { Refusal } from '../../lambdas/runtime/failure.ts'
import type { Writers } from './scenario/writers.ts'

/** What the loss of the primary's process cost. */
export type InstanceLoss = {
  readonly killed: number
  /** Longest time between two acknowledged commits around the kill. */
  readonly outageSeconds: number
  /** Acknowledged commits that are gone. */
  readonly lost: number
  readonly acknowledged: number
}

/**
 * Kills the primary's PostgreSQL with SIGKILL, as a host that loses power, and waits until the writers commit again.
 * For a twin only: its server runs on this machine. Ends the writers.
 * @throws Refusal `NotBack` when no commit comes through in time
 */
export async function losePrimary(
  connection: pg.ClientConfig,
  writers: Writers,
  patienceSeconds: number,
): Promise<InstanceLoss> {
  const killed = await postmasterOf(connection)
  const before = writers.committed()
  writers.markGap()
  process.kill(killed, 'SIGKILL')
  const over = performance.now() + patienceSeconds * 1_000
  // Commits on their way may still be counted: only some that follow show that the database is back.
  while (writers.committed() < before + 20 && performance.now() < over) await sleep(100)
  const back = writers.committed() >= before + 20
  const tally = await writers.stop()
  if (back)
    return {
      killed,
      outageSeconds: tally.longestGapSeconds,
      lost: tally.acknowledgedButLost,
      acknowledged: tally.committed,
    }
  throw new Refusal(
    'NotBack',
    `no commit came through within ${patienceSeconds} s after the primary was killed`,
    'read the twin log; holdfast status shows its instances',
  )
}

/** Process id of the server behind the connection: the parent of the process that serves it. */
async function postmasterOf(connection: pg.ClientConfig): Promise<number> {
  const client = new pg.Client(connection)
  await client.connect()
  try {
    const { rows } = await client.query<{ pid: number }>('select pg_catalog.pg_backend_pid() as pid')
    const { stdout } = await promisify(execFile)('ps', ['-o', 'ppid=', '-p', String(rows[0]?.pid)])
    const parent = Number(stdout.trim())
    if (Number.isInteger(parent) && parent > 1) return parent
    throw new Error(`the server's process was not found behind ${rows[0]?.pid}`)
  } finally {
    await client.end()
  }
}
