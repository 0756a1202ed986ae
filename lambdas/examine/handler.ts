import { connect } from '../runtime/database.ts'
import { examine } from './examine.ts'
import { USER } from './names.ts'
import { parseRequest } from './parse.ts'
import type { Endpoint } from './request.ts'
import type { Side } from './side.ts'

/** Milliseconds; every session sets its own shorter one. */
const STATEMENT_TIMEOUT = 840_000

/** One task of an examination, JSON in and JSON out. */
export async function handler(event: unknown) {
  const request = parseRequest(event)
  const { primary, copy } = request as { primary?: Endpoint; copy?: Endpoint }
  return examine(request, { primary: primary && sideOf(primary), copy: copy && sideOf(copy) })
}

function sideOf(endpoint: Endpoint): Side {
  const { host, port, database } = endpoint
  return {
    endpoint,
    open: () =>
      connect(
        { host, port, database, user: USER },
        { application: 'holdfast-examine', statementTimeout: STATEMENT_TIMEOUT },
      ),
  }
}
