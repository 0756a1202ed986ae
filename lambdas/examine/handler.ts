import { S3Client } from '@aws-sdk/client-s3'
import { connect } from '../runtime/database.ts'
import { number, text } from '../runtime/environment.ts'
import { publish } from '../runtime/metrics.ts'
import { sealed } from '../runtime/sealed.ts'
import { type Reference, refuseForeignCopy, refuseForeignPrimary } from '../runtime/whereabouts.ts'
import { examine, type Keep } from './examine.ts'
import { ASSERT_USER, ENV, METRICS, USER } from './names.ts'
import { parseRequest } from './parse.ts'
import type { Endpoint, ExamineRequest, TaskName } from './request.ts'
import type { Side, Sides } from './side.ts'

/** Milliseconds; every session sets its own shorter one. */
const STATEMENT_TIMEOUT = 840_000

const USERS_WROTE: readonly TaskName[] = ['open', 'assertions']

/** One task of an examination, JSON in and JSON out. */
export const handler = sealed(examineOnce)

async function examineOnce(event: unknown) {
  const request = parseRequest(event)
  const answer = await examine(request, sidesOf(request, reference()), keep())
  if (request.task === 'witness' && 'rows' in answer)
    publish({ Instance: text(ENV.name) }, [{ name: METRICS.witnessRows, value: answer.rows, unit: 'Count' }])
  return answer
}

const s3 = new S3Client({})

function keep(): Keep {
  const bucket = process.env[ENV.bucket]
  const code = text(ENV.code)
  return bucket ? { shelf: { s3, bucket, retention: number(ENV.retention) }, code } : { code }
}

/** Whom the witness reads: a replica where there is one, so that production pays nothing. */
function witnessed(): Endpoint {
  return {
    identifier: text(ENV.witnessedInstance),
    host: text(ENV.witnessedHost),
    port: number(ENV.witnessedPort),
    database: text(ENV.database),
  }
}

/** The living instance as the stack names it. */
function reference(): Reference {
  return {
    name: text(ENV.name),
    identifier: text(ENV.instance),
    host: text(ENV.host),
    port: number(ENV.port),
    database: text(ENV.database),
  }
}

/** What the event names, where it agrees with what the stack says. @throws Refusal `NotACopy`, `NotThePrimary` */
function sidesOf(request: ExamineRequest, reference: Reference): Sides {
  if (request.task === 'witness') return { primary: sideOf(witnessed()) }
  const { primary: named, copy } = request as { primary?: Endpoint; copy?: Endpoint }
  if (named) refuseForeignPrimary(named, reference)
  if (copy) refuseForeignCopy(copy, reference)
  // What users wrote runs on a copy only, and some copies are told apart from the primary by asking that one.
  const primary = USERS_WROTE.includes(request.task) ? reference : named
  return { primary: primary && sideOf(primary), copy: copy && sideOf(copy) }
}

function sideOf(endpoint: Endpoint): Side {
  const { host, port, database } = endpoint
  const openAs = (user: string) =>
    connect(
      { host, port, database, user },
      { application: 'holdfast-examine', statementTimeout: STATEMENT_TIMEOUT },
    )
  return {
    endpoint,
    open: () => openAs(USER),
    openForAssertions: () => openAs(ASSERT_USER),
    within: other => sideOf({ ...endpoint, database: other }),
  }
}
