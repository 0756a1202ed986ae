import { COPY_PREFIX, ENVIRONMENT_TAG, TAGS } from '../restore-drill/names.ts'
import { expiryOf } from '../restore-drill/request.ts'

/** Anything in RDS that a drill may have left behind. */
export type Candidate = {
  /** The instance's identifier; for a snapshot or a backup, that of the instance it came from. */
  readonly instance: string
  /** Its own identifier, for the sentence. */
  readonly identifier: string
  readonly tags: Readonly<Record<string, string>>
  /** Milliseconds since the epoch; undefined while RDS is still making it. */
  readonly madeAt: number | undefined
}

export type Ruling = { readonly reap: boolean; readonly why: string }

// A drill's execution ends after a day, and an hour is left to whoever destroys its copy: nobody uses an older one.
const OLDEST_SECONDS = 25 * 3_600

/**
 * May this be deleted? Each clause alone keeps production alive: the identifier's prefix, not production's own name,
 * the tags of the environment and of a drill, and that it has expired or that no drill can still be using it. The
 * expiry alone does not decide: whoever holds the drill's role writes it, or none.
 * @param production identifiers that must live, whatever they carry
 * @param now milliseconds since the epoch
 */
export function judgeCandidate(
  candidate: Candidate,
  name: string,
  production: readonly string[],
  now: number,
): Ruling {
  const { instance, tags, madeAt } = candidate
  const keep = (why: string): Ruling => ({ reap: false, why })
  if (production.includes(instance)) return keep(`${instance} is production`)
  if (!instance.startsWith(`${COPY_PREFIX}${name}-`))
    return keep(`${instance} is not called ${COPY_PREFIX}${name}-…`)
  const drill = tags[TAGS.drill]
  if (drill === undefined || drill === '') return keep(`${instance} carries no tag ${TAGS.drill}`)
  const environment = tags[ENVIRONMENT_TAG] ?? 'absent'
  if (environment !== name) return keep(`${instance} belongs to ${environment}, not to ${name}`)
  const age = madeAt === undefined ? 0 : Math.floor((now - madeAt) / 1_000)
  if (age > OLDEST_SECONDS)
    return { reap: true, why: `${age} s old, and no drill lasts longer than ${OLDEST_SECONDS} s` }
  if (instance !== `${COPY_PREFIX}${name}-${drill}`)
    return keep(`${instance} is not the copy of the drill ${drill} that its tag names: it goes by its age`)
  const said = expiryOf(tags, now)
  if (said === null)
    return keep(
      `${instance} says in ${TAGS.expires} what no drill writes, ${tags[TAGS.expires] ?? 'nothing'}: it goes by its age`,
    )
  if (said > now) return keep(`${instance} expires in ${Math.ceil((said - now) / 1_000)} s`)
  return { reap: true, why: `expired ${Math.floor((now - said) / 1_000)} s ago` }
}

/** What a restore is proving is left alone; what nobody has named or deleted for longer than any proof takes is said. */
export function judgeProving(
  { instance, madeAt }: Candidate,
  now: number,
): { readonly outcome: 'kept' | 'forgotten'; readonly why: string } {
  const age = madeAt === undefined ? 0 : Math.floor((now - madeAt) / 1_000)
  return age > OLDEST_SECONDS
    ? { outcome: 'forgotten', why: `${instance} was restored ${age} s ago and is neither named nor deleted` }
    : { outcome: 'kept', why: `a restore is proving ${instance}` }
}
