import { S3Client } from '@aws-sdk/client-s3'
import type pg from 'pg'
import { connect } from '../runtime/database.ts'
import { number, text } from '../runtime/environment.ts'
import { publish } from '../runtime/metrics.ts'
import { sealed } from '../runtime/sealed.ts'
import type { Archive } from '../runtime/segment/store.ts'
import { refuseForeignCopy } from '../runtime/whereabouts.ts'
import { closeCopy } from './close.ts'
import { compareWith } from './compare.ts'
import { fingerprint } from './fingerprint.ts'
import { measureLoss } from './loss.ts'
import { ENV, METRICS, READER, SCHEMA_USER, USER } from './names.ts'
import {
  type ApplyAnswer,
  type ApplyRequest,
  type Endpoint,
  type LossAnswer,
  type LossRequest,
  parseRollForwardRequest,
  type RollForwardAnswer,
} from './request.ts'
import { rollForward } from './roll-forward.ts'

const s3 = new S3Client({})

/** Answers one task of a roll-forward; see request.ts. */
export const handler = sealed(answerTask)

async function answerTask(event: unknown): Promise<RollForwardAnswer> {
  const request = parseRollForwardRequest(event)
  const archive: Archive = { s3, bucket: text(ENV.bucket) }
  if (request.task === 'loss') return loss(archive, request)
  if (request.task === 'fingerprint') return withClient(primary(), READER, {}, fingerprint)
  if (request.task === 'compare')
    return withClient(copyOf(request.copy), USER, {}, client => compareWith(client, request.fingerprint))
  if (request.task === 'close') return withClient(copyOf(request.copy), SCHEMA_USER, {}, closeCopy)
  return apply(archive, request)
}

async function loss(archive: Archive, request: LossRequest): Promise<LossAnswer> {
  const answer = await measureLoss(archive, request)
  // What is only the least of it is no measurement.
  if (answer.complete)
    publish({ Instance: text(ENV.instance) }, [
      { name: METRICS.rpoWithTail, value: answer.withTail.seconds, unit: 'Seconds' },
    ])
  return answer
}

async function apply(archive: Archive, request: ApplyRequest): Promise<ApplyAnswer> {
  const copy = copyOf(request.copy)
  const began = performance.now()
  const answer = await withClient(copy, USER, {}, client =>
    withClient(copy, USER, { pipeline: true }, writer =>
      withClient(copy, SCHEMA_USER, {}, schema => rollForward({ client, writer, schema, archive, request })),
    ),
  )
  const seconds = (performance.now() - began) / 1_000
  publish({ Instance: text(ENV.instance) }, [
    { name: METRICS.transactions, value: answer.transactions, unit: 'Count' },
    { name: METRICS.rows, value: answer.rows, unit: 'Count' },
    { name: METRICS.rowsPerSecond, value: answer.rows / seconds, unit: 'Count' },
  ])
  return answer
}

function primary(): Endpoint {
  return {
    identifier: text(ENV.instance),
    host: text(ENV.primaryHost),
    port: number(ENV.primaryPort),
    database: text(ENV.database),
  }
}

/** Only a copy of this environment is ever written to: its name and its host are the first of the fences. */
function copyOf(endpoint: Endpoint): Endpoint {
  const { identifier, host, port, database } = endpoint
  refuseForeignCopy({ identifier, host, port, database }, { ...primary(), name: text(ENV.instance) })
  return endpoint
}

async function withClient<T>(
  endpoint: Endpoint,
  user: string,
  options: { readonly pipeline?: boolean },
  work: (client: pg.Client) => Promise<T>,
): Promise<T> {
  const { host, port, database } = endpoint
  const client = await connect(
    { host, port, database, user },
    { application: 'holdfast roll-forward', statementTimeout: 0, ...options },
  )
  try {
    return await work(client)
  } finally {
    await client.end()
  }
}
