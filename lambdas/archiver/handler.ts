import type pg from 'pg'
import { connect } from '../runtime/database.ts'
import { number, text } from '../runtime/environment.ts'
import { log } from '../runtime/log.ts'
import { publish } from '../runtime/metrics.ts'
import { sealed } from '../runtime/sealed.ts'
import { archive } from './archive.ts'
import { openS3 } from './bucket.ts'
import { measure, measureSlot } from './measure.ts'
import { ENV } from './names.ts'
import { type ArchiverAnswer, parseArchiverRequest } from './request.ts'

const s3 = openS3()

/** Archives what was committed since the last run, follows the stream for most of a minute, and says how far it is. */
export const handler = sealed(archiveForAMinute)

async function archiveForAMinute(event: unknown): Promise<ArchiverAnswer> {
  const { seconds } = parseArchiverRequest(event)
  const login = {
    host: text(ENV.host),
    port: number(ENV.port),
    database: text(ENV.database),
    user: text(ENV.user),
  }
  const instance = text(ENV.instance)
  const control = await connect(login, { application: 'holdfast archiver', statementTimeout: 60_000 })
  try {
    // A long transaction takes as long as it takes: the function's own end is the limit.
    const reader = await connect(login, { application: 'holdfast archiver', statementTimeout: 0 })
    try {
      const answer = await archive({
        control,
        reader,
        destination: { s3, bucket: text(ENV.bucket), retention: number(ENV.retention) },
        instance,
        database: login.database,
        code: text(ENV.code),
        seconds,
      })
      if (answer.state === 'archived') await tellOfArchive(control, instance, answer)
      else await tellOfSlot(control, instance)
      return answer
    } finally {
      await reader.end()
    }
  } finally {
    await control.end()
  }
}

/** Tables that the log names at most. */
const NAMED = 20

async function tellOfArchive(control: pg.Client, instance: string, answer: ArchiverAnswer): Promise<void> {
  const { metrics, unpublished } = await measure(control, answer)
  publish({ Instance: instance }, metrics)
  if (unpublished.length === 0) return
  const more = unpublished.length > NAMED ? ` and ${unpublished.length - NAMED} more` : ''
  log(
    `${unpublished.length} tables should be archived and are in no publication: ${unpublished.slice(0, NAMED).join(', ')}${more}`,
  )
}

/** Another run has the slot. While it makes it, this one says how long that takes and for whom it waits. */
async function tellOfSlot(control: pg.Client, instance: string): Promise<void> {
  const { metrics, blockers } = await measureSlot(control)
  publish({ Instance: instance }, metrics)
  for (const { pid, user, age } of blockers)
    log(
      `the slot of the archive waits for a transaction of ${user}, ${pid === null ? 'prepared' : `pid ${pid}`}, begun ${Math.round(age)} s ago`,
    )
}
