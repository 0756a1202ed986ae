import { S3Client } from '@aws-sdk/client-s3'
import type { Context } from 'aws-lambda'
import { connect } from '../runtime/database.ts'
import { number, text } from '../runtime/environment.ts'
import { publish } from '../runtime/metrics.ts'
import { archive } from './archive.ts'
import { measure } from './measure.ts'
import { ENV } from './names.ts'
import { type ArchiverAnswer, parseArchiverRequest } from './request.ts'

/** Milliseconds kept back from the function's time for sealing and saying goodbye. */
const RESERVE = 20_000

const s3 = new S3Client({})

/** Archives what was committed since the last run, follows the stream for most of a minute, and says how far it is. */
export async function handler(
  event: unknown,
  context?: Pick<Context, 'getRemainingTimeInMillis'>,
): Promise<ArchiverAnswer> {
  const { seconds } = parseArchiverRequest(event)
  const login = {
    host: text(ENV.host),
    port: number(ENV.port),
    database: text(ENV.database),
    user: text(ENV.user),
  }
  const instance = text(ENV.instance)
  const began = performance.now()
  const control = await connect(login, { application: 'holdfast archiver', statementTimeout: 60_000 })
  try {
    const replication = await connect(login, {
      application: 'holdfast archiver',
      statementTimeout: 0,
      replication: true,
    })
    try {
      const answer = await archive({
        control,
        replication,
        destination: { s3, bucket: text(ENV.bucket), retention: number(ENV.retention) },
        instance,
        database: login.database,
        code: text(ENV.code),
        seconds,
        hardLimit: Math.max(0, (context?.getRemainingTimeInMillis() ?? 870_000) - RESERVE),
      })
      if (answer.state === 'archived')
        publish({ Instance: instance }, await measure(control, answer, performance.now() - began))
      return answer
    } finally {
      await replication.end()
    }
  } finally {
    await control.end()
  }
}
