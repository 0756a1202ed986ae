import { setTimeout as sleep } from 'node:timers/promises'
import type pg from 'pg'
import { sentence, Transient } from '../runtime/failure.ts'
import { log } from '../runtime/log.ts'

/** Milliseconds between two heartbeats. */
const INTERVAL = 1000

/** Old rows forgotten a run at most: far more than a run writes, and still a small transaction. */
const PRUNE = 1000

const INSERT = 'insert into holdfast.heartbeat (instance, code) values ($1, $2)'
const AGE = `
select pg_catalog.date_part('epoch', pg_catalog.clock_timestamp() - h.at) as age
from holdfast.heartbeat h
order by h.seq desc
limit 1`

export type HeartbeatOptions = {
  /** A new connection to the primary, as holdfast_heartbeat. */
  readonly open: () => Promise<pg.Client>
  readonly instance: string
  readonly code: string
  /** Milliseconds that this run writes for. @default 55_000 */
  readonly span?: number
  /** Milliseconds that only grow, and the wait for them. @default the process's own */
  readonly clock?: Clock
}

export type Clock = {
  readonly now: () => number
  readonly sleep: (ms: number) => Promise<unknown>
}

export type Heartbeats = {
  readonly written: number
  /** Beats of the schedule that no row was written for. */
  readonly missed: number
  /** Seconds since the newest row when the run ended; at least the run's length when nothing could be read. */
  readonly age: number
  /** Why the last missed beat was missed. */
  readonly trouble?: string
}

/**
 * Writes a row a second at fixed moments from its start: a slow answer delays one row and none after it. A lost
 * connection is opened anew at the next moment, so that a failover costs the seconds that it lasts.
 */
export async function runHeartbeats(options: HeartbeatOptions): Promise<Heartbeats> {
  const clock = options.clock ?? { now: () => performance.now(), sleep }
  const began = clock.now()
  const beats = Math.max(1, Math.floor((options.span ?? 55_000) / INTERVAL))
  const line = openLine(options, clock)
  let written = 0
  let last = began
  let trouble: string | undefined
  try {
    for (let beat = 0; beat < beats; beat += 1) {
      const due = began + beat * INTERVAL
      await clock.sleep(Math.max(0, due - clock.now()))
      // An answer that came a second late has used up the moments in between.
      if (clock.now() - due >= INTERVAL && beat > 0) continue
      try {
        await line.insert()
        written += 1
        last = clock.now()
      } catch (error) {
        trouble = sentence(error)
      }
    }
    if (written > 0) await line.prune()
    const age = written > 0 ? (clock.now() - last) / 1000 : await line.age(began)
    return { written, missed: beats - written, age, trouble }
  } finally {
    await line.close()
  }
}

type Line = {
  insert(): Promise<void>
  /** Forgets old rows; not being able to is told by the next run's rows, not by this one's end. */
  prune(): Promise<void>
  age(began: number): Promise<number>
  close(): Promise<void>
}

function openLine(options: HeartbeatOptions, clock: Clock): Line {
  let client: pg.Client | undefined
  const drop = () => {
    const old = client
    client = undefined
    // A dead server answers no farewell: it is not waited for.
    old?.end().catch(() => {})
  }
  const over = async <T>(work: (client: pg.Client) => Promise<T>): Promise<T> => {
    client ??= await options.open()
    try {
      return await work(client)
    } catch (error) {
      // After any failure the connection's state is unknown; a new one costs a few milliseconds.
      drop()
      throw error
    }
  }
  return {
    async insert() {
      const write = () => over(one => one.query(INSERT, [options.instance, options.code]))
      // An old connection may have died unnoticed since the last beat: this beat still has time for a new one.
      // A row that was written all the same is written twice, which harms nothing.
      if (client) await write().catch(write)
      else await write()
    },
    async prune() {
      await over(one => one.query('select holdfast.prune($1)', [PRUNE])).catch(error =>
        log(`old heartbeats were not forgotten: ${sentence(error)}`),
      )
    },
    async age(began) {
      const least = (clock.now() - began) / 1000
      try {
        const { rows } = await over(one => one.query<{ age: number }>(AGE))
        return Math.max(least, rows[0]?.age ?? least)
      } catch {
        // The row could not be read because the server could not be reached, which the run reports already.
        return least
      }
    },
    async close() {
      const old = client
      client = undefined
      await old?.end().catch(() => {})
    },
  }
}

/** @throws Transient `NoHeartbeat` with the server's sentence when a whole run wrote nothing */
export function refuseSilence(instance: string, run: Heartbeats): void {
  if (run.written === 0)
    throw new Transient(
      'NoHeartbeat',
      `no heartbeat was written to ${instance} in ${run.missed} attempts: ${run.trouble ?? 'no attempt was made'}`,
    )
}
