import { COPY_PREFIX, TAGS } from '../restore-drill/names.ts'

/** Anything in RDS that a drill may have left behind. */
export type Candidate = {
  /** The instance's identifier; for a snapshot or a backup, that of the instance it came from. */
  readonly instance: string
  /** Its own identifier, for the sentence. */
  readonly identifier: string
  readonly tags: Readonly<Record<string, string>>
}

export type Ruling = { readonly reap: boolean; readonly why: string }

// An expiry this far ahead was not written by a drill, whose longest is half a day.
const FARTHEST_SECONDS = 7 * 86_400

/**
 * May this be deleted? Each clause alone keeps production alive: the identifier's prefix and environment, not
 * production's own name, the drill's tag, and an expiry that is readable and passed.
 * @param production identifiers that must live, whatever they carry
 * @param now milliseconds since the epoch
 */
export function judgeCandidate(
  candidate: Candidate,
  name: string,
  production: readonly string[],
  now: number,
): Ruling {
  const { instance, tags } = candidate
  const keep = (why: string): Ruling => ({ reap: false, why })
  if (production.includes(instance)) return keep(`${instance} is production`)
  if (!instance.startsWith(`${COPY_PREFIX}${name}-`))
    return keep(`${instance} is not called ${COPY_PREFIX}${name}-…`)
  const drill = tags[TAGS.drill]
  if (drill === undefined || drill === '') return keep(`${instance} carries no tag ${TAGS.drill}`)
  if (instance !== `${COPY_PREFIX}${name}-${drill}`)
    return keep(`${instance} is not the copy of the drill ${drill} that its tag names`)
  const expires = Date.parse(tags[TAGS.expires] ?? '')
  if (Number.isNaN(expires))
    return keep(`${instance} says no time in ${TAGS.expires}: ${tags[TAGS.expires] ?? 'absent'}`)
  if (expires > now + FARTHEST_SECONDS * 1_000)
    return keep(
      `${instance} expires in ${Math.round((expires - now) / 86_400_000)} days: no drill writes that`,
    )
  if (expires > now) return keep(`${instance} expires in ${Math.ceil((expires - now) / 1_000)} s`)
  return { reap: true, why: `expired ${Math.floor((now - expires) / 1_000)} s ago` }
}
