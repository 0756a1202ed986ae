import type pg from 'pg'
import type { CloseAnswer } from './request.ts'

/**
 * Takes back whatever the roll-forward's logins were given on this copy and ends its being one, then looks whether
 * anything is left. `client` is a session of the login that changes the schema.
 */
export async function closeCopy(client: pg.Client): Promise<CloseAnswer> {
  await client.query('discard all')
  const { rows } = await client.query(
    'select left_over from (select holdfast.close_copy() as left_over) as c',
  )
  const left: string[] = rows[0].left_over
  return {
    checks: [
      {
        name: 'roll-forward.closed',
        verdict: left.length === 0 ? 'pass' : 'fail',
        detail:
          left.length === 0
            ? 'the logins that rolled the copy forward have no rights, no sessions and own nothing in it any more'
            : `the copy is not closed: ${left.join(', ')}`,
      },
    ],
  }
}
