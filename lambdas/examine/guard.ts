import { randomUUID } from 'node:crypto'
import { COPY_PREFIX } from '../restore-drill/names.ts'
import { Refusal } from '../runtime/failure.ts'
import type { Endpoint } from './request.ts'
import { withSession } from './session.ts'
import type { Side } from './side.ts'

const HINT = 'give the endpoint of the drill copy; nothing was changed'

/**
 * Before anything is changed: is this really a drill copy and not the primary? Three proofs, each enough to refuse.
 * By name: only a drill's copies begin with the prefix. Inside: the server was recovered onto a timeline on which no
 * heartbeat was ever written; the definer functions that change a copy ask this again. By experiment: a mark
 * committed on the primary just now cannot be read in the copy. A replica in the primary's place takes no mark and
 * needs none: it is in recovery, and the copy is not.
 * @throws Refusal `NotACopy`
 */
export async function refuseUnlessCopy(copy: Side, primary: Side | undefined): Promise<void> {
  refuseByName(copy.endpoint, primary?.endpoint)
  const inside = await withSession(copy, async client => {
    const { rows } = await client.query('select holdfast.is_copy() as copy')
    return rows[0]?.copy === true
  })
  if (!inside)
    throw new Refusal(
      'NotACopy',
      `${copy.endpoint.identifier} has heartbeats on its own timeline: it was not recovered from a backup`,
      HINT,
    )
  if (primary) await refuseByMark(copy, primary)
}

/** The part that needs no connection. @throws Refusal `NotACopy` */
export function refuseByName(copy: Endpoint, primary: Endpoint | undefined): void {
  if (!copy.identifier.startsWith(COPY_PREFIX))
    throw new Refusal(
      'NotACopy',
      `${copy.identifier} is not a drill copy: its name does not begin with ${COPY_PREFIX}`,
      HINT,
    )
  if (primary && primary.host === copy.host && primary.port === copy.port)
    throw new Refusal(
      'NotACopy',
      `${copy.identifier} has the address of the primary, ${copy.host}:${copy.port}`,
      HINT,
    )
}

async function refuseByMark(copy: Side, primary: Side): Promise<void> {
  const mark = randomUUID()
  if (!(await plantMark(primary, mark))) return
  const seen = await withSession(copy, async client => {
    const { rows } = await client.query('select from holdfast.canary where id = $1', [mark])
    return rows.length > 0
  })
  if (seen)
    throw new Refusal(
      'NotACopy',
      `${copy.endpoint.identifier} shows what was written on the primary a moment ago: it is the primary`,
      HINT,
    )
}

/** Commits a row on the primary that no copy can hold; false where a replica stands for it, which takes none. */
export function plantMark(primary: Side, mark: string): Promise<boolean> {
  return withSession(
    primary,
    async client => {
      const { rows } = await client.query('select pg_catalog.pg_is_in_recovery() as recovering')
      if (rows[0]?.recovering === true) return false
      await client.query(`insert into holdfast.canary (id, drill) values ($1, 'mark')`, [mark])
      return true
    },
    { writes: true },
  )
}
