import { connect } from '../runtime/database.ts'
import { number, text } from '../runtime/environment.ts'
import { publish } from '../runtime/metrics.ts'
import { sealed } from '../runtime/sealed.ts'
import { archive } from './archive.ts'
import { openS3 } from './bucket.ts'
import { measure } from './measure.ts'
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
      if (answer.state === 'archived') publish({ Instance: instance }, await measure(control, answer))
      return answer
    } finally {
      await reader.end()
    }
  } finally {
    await control.end()
  }
}
