import type { Context } from 'aws-lambda'
import { connect } from '../runtime/database.ts'
import { number, text } from '../runtime/environment.ts'
import { log } from '../runtime/log.ts'
import { publish } from '../runtime/metrics.ts'
import { sealed } from '../runtime/sealed.ts'
import { type Heartbeats, refuseSilence, runHeartbeats } from './heartbeat.ts'
import { ENV, METRICS } from './names.ts'

/** Milliseconds: the schedule starts a run every minute. */
const SPAN = 55_000

/** Milliseconds kept free at the end for the metrics. */
const RESERVE = 4000

/** Writes a row a second until shortly before the next run starts. */
export const handler = sealed(beatForAMinute)

async function beatForAMinute(_event: unknown, context?: Context): Promise<Heartbeats> {
  const began = Date.now()
  const instance = text(ENV.instance)
  const login = {
    host: text(ENV.host),
    port: number(ENV.port),
    database: text(ENV.database),
    user: text(ENV.user),
  }
  const patience = { statementTimeout: 2000, connectTimeout: 3000, queryTimeout: 3000 }
  const run = await runHeartbeats({
    open: () => connect(login, { application: 'holdfast-heartbeat', ...patience }),
    instance,
    code: text(ENV.code),
    span: Math.min(SPAN, (context?.getRemainingTimeInMillis() ?? SPAN + RESERVE) - RESERVE),
  })
  // By the minute in which the run began: heartbeats that end are missed before the archive that ends with them.
  publish(
    { Instance: instance },
    [
      { name: METRICS.written, value: run.written, unit: 'Count' },
      { name: METRICS.age, value: run.age, unit: 'Seconds' },
    ],
    began,
  )
  if (run.missed > 0) log(`${run.missed} heartbeats were missed: ${run.trouble ?? 'the server was slow'}`)
  refuseSilence(instance, run)
  return run
}
