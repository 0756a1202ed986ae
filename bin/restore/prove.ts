import { setTimeout as sleep } from 'node:timers/promises'
import type { LambdaClient } from '@aws-sdk/client-lambda'
import type {
  Boundary,
  Cut,
  CutAnswer,
  DatabasesAnswer,
  Endpoint,
  IdentifyAnswer,
  MarkAnswer,
  OpenAnswer,
  OtherDatabase,
} from '../../lambdas/examine/request.ts'
import { endpointOf } from '../../lambdas/restore-drill/stages/plan.ts'
import type { Check } from '../../lambdas/runtime/verdict.ts'
import { invokeFunction } from '../drill/invoke.ts'
import type { Source } from './source.ts'

/** Where the copy ends, and what was found out about it. */
export type Proof = {
  readonly checks: readonly Check[]
  readonly boundary: Boundary
  /** The primary as it was when the copy was looked at; `null` when it does not answer. */
  readonly mark: MarkAnswer | null
  readonly cut: Cut | null
  /** The cluster's other databases, which no tail belongs to. */
  readonly others: readonly OtherDatabase[]
  readonly rpoSeconds: number | null
  /** Transaction ids given out between the cut and the disaster: at most so many are lost; `null` when unknown. */
  readonly transactions: number | null
  /** ISO: what the loss is counted to. */
  readonly disasterAt: string
}

export type Asking = {
  readonly lambda: LambdaClient
  readonly examineArn: string
  readonly database: string
  /** In the other region a replica stands for the primary. */
  readonly standby: boolean
}

// `available` and a server that takes connections are not the same second.
const TRIES = 8

// A replica replays within seconds; one that is minutes behind is broken.
const MOST_LOOKS = 24
const PAUSE_SECONDS = 5

/** Asks the copy through the examination who it is and where it ends. Nothing is written. */
export async function proveCopy(
  asking: Asking,
  source: Source,
  copy: Endpoint,
  instances: readonly string[],
): Promise<Proof> {
  const ask = <T>(payload: unknown) => invokeFunction<T>(asking.lambda, asking.examineArn, payload)
  const opened = await untilReady(() => ask<OpenAnswer>({ task: 'open', copy }))
  const primary = source.alive ? endpointOf(source.like, asking.database) : undefined
  const mark = primary ? await ask<MarkAnswer>({ task: 'mark', primary, standby: asking.standby }) : null
  const { boundary } = opened
  const who = mark
    ? (
        await ask<IdentifyAnswer>({
          task: 'identify',
          ...{ copy, primary, boundary, target: source.moment },
          mode: source.from.kind === 'snapshot' ? 'snapshot' : 'time',
          expected: {
            systemIdentifier: mark.systemIdentifier,
            instances,
            version: mark.version,
            timeline: mark.timeline,
          },
        })
      ).checks
    : [unidentified(source)]
  const disasterAt =
    source.target.kind === 'time' ? source.target.at : (mark?.now ?? new Date().toISOString())
  const look = () => ask<CutAnswer>({ task: 'cut', copy, disasterAt, ...(primary ? { primary } : {}) })
  const ended = await untilReached(look, asking.standby && primary !== undefined)
  const others = await findOthers(ask, copy, ended.cut)
  return {
    others: others.databases,
    checks: [...opened.checks, ...who, ...ended.checks, ...others.checks],
    ...{ boundary, mark, cut: ended.cut, rpoSeconds: ended.rpoSeconds, disasterAt },
    transactions: ended.lost.transactions,
  }
}

/**
 * Names the other databases, which a restore brings along. None of them keeps a copy from being used: what could not be
 * looked at is said, with the moment that it ends at.
 */
async function findOthers(
  ask: <T>(payload: unknown) => Promise<T>,
  copy: Endpoint,
  cut: Cut | null,
): Promise<DatabasesAnswer> {
  const ends = cut ? `; it ends where the restored copy did, at ${cut.at}` : ''
  try {
    const { checks, databases } = await ask<DatabasesAnswer>({ task: 'databases', copy })
    return {
      databases,
      checks: checks.map(check =>
        check.name === 'databases.listed'
          ? check
          : { ...check, verdict: 'skipped', detail: `${check.detail}${ends}` },
      ),
    }
  } catch (error) {
    const why = error instanceof Error ? error.message.split('\n')[0] : String(error)
    const detail = `the other databases could not be listed: ${why}${ends && `; each ends at ${cut?.at}`}`
    return { databases: [], checks: [{ name: 'databases.listed', verdict: 'skipped', detail }] }
  }
}

/** Where a replica stands for the primary, waits until it has replayed as far as the copy. */
async function untilReached(look: () => Promise<CutAnswer>, standby: boolean): Promise<CutAnswer> {
  let answer = await look()
  for (let again = 2; standby && again <= MOST_LOOKS && answer.cut && !answer.referenceAhead; again++) {
    await sleep(PAUSE_SECONDS * 1_000)
    answer = await look()
  }
  return answer
}

function unidentified({ like }: Source): Check {
  return {
    name: 'identify.system-identifier',
    verdict: 'unknown',
    detail: `${like.identifier} is ${like.status} and could not be asked who it is`,
  }
}

async function untilReady<T>(work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work()
    } catch (error) {
      if (attempt >= TRIES) throw error
      await sleep(attempt * 1_000)
    }
  }
}
