import { setTimeout as sleep } from 'node:timers/promises'
import type { LambdaClient } from '@aws-sdk/client-lambda'
import type { Endpoint } from '../../lambdas/examine/request.ts'
import {
  type ApplyAnswer,
  type CompareAnswer,
  type FingerprintAnswer,
  isWhole,
  type Loss,
  type LossAnswer,
  NOT_COMPARED,
  type RollForwardRequest,
  type Target,
} from '../../lambdas/roll-forward/request.ts'
import type { Check } from '../../lambdas/runtime/verdict.ts'
import { invokeFunction } from '../drill/invoke.ts'
import type { Tail } from './archive.ts'
import type { Proof } from './prove.ts'
import type { Source } from './source.ts'

/** What the roll-forward did to the copy, and what that was worth. */
export type Rolled = {
  readonly checks: readonly Check[]
  readonly transactions: number
  readonly rows: number
  /** ISO with microseconds: the copy's newest transaction; `null` when nothing dates it. */
  readonly endsAt: string | null
  readonly withTail: Loss | null
  readonly withoutTail: Loss | null
  /** False when the archive does not reach the disaster: transactions and rows are then at least these. */
  readonly complete: boolean
}

// Short turns: an invocation that is silent for minutes is cut off by what lies between.
const TURN_SECONDS = 240
const MOST_TURNS = 180
const PAUSE_SECONDS = 5
const MOST_TROUBLE = 36

export type Rolling = {
  readonly lambda: LambdaClient
  readonly arn: string
  readonly tell: (said: string) => void
}

/** Applies the archive's tail to the copy, exactly once, and compares it with production where that can be equal. */
export async function rollForward(
  rolling: Rolling,
  source: Source,
  proof: Proof,
  tail: Tail,
  copy: Endpoint,
): Promise<Rolled> {
  const ask = <T>(request: RollForwardRequest) => invokeFunction<T>(rolling.lambda, rolling.arn, request)
  // Only the end of the archive can equal the living database; a moment in the past equals nothing that still stands.
  const wanted =
    tail.end === null && source.alive
      ? await ask<FingerprintAnswer>({ task: 'fingerprint', primary: copyless(source, copy) })
      : null
  const { systemIdentifier } = tail
  const applied = await applyAll(rolling, copy, proof, systemIdentifier, targetOf(tail, wanted))
  const compared: Pick<CompareAnswer, 'checks'> = !isWhole(applied)
    ? NOT_COMPARED
    : wanted
      ? await ask<CompareAnswer>({ task: 'compare', copy, fingerprint: wanted })
      : { checks: [notCompared(tail, source)] }
  const cut = proof.cut
  const loss = cut
    ? await ask<LossAnswer>({
        ...{ task: 'loss', systemIdentifier, lostAt: proof.disasterAt },
        cut: { lsn: cut.lsn, at: cut.at, timeline: cut.timeline },
      })
    : null
  const endsAt = applied.appliedAt ?? applied.boundaryAt ?? cut?.at ?? null
  const checks = [...applied.checks, ...compared.checks]
  const { transactions, rows } = applied
  return {
    ...{ checks, transactions, rows, endsAt },
    withoutTail: loss?.withoutTail ?? null,
    withTail:
      tail.end !== null && endsAt !== null ? upTo(endsAt, proof.disasterAt) : (loss?.withTail ?? null),
    complete: tail.end !== null || (loss?.complete ?? false),
  }
}

/** The roll-forward asks its own primary; the request only has to name one. */
function copyless(source: Source, copy: Endpoint): Endpoint {
  const { host, port, identifier } = source.like
  return { identifier, host: host ?? '', port: port ?? 0, database: copy.database }
}

function targetOf({ end }: Tail, wanted: FingerprintAnswer | null): Target {
  if (end !== null) return { kind: 'lsn', lsn: end }
  return wanted ? { kind: 'snapshot', snapshot: wanted.snapshot, lsn: wanted.lsn } : { kind: 'latest' }
}

/** Everything committed up to the asked time is in the copy: nothing is lost, however long nothing was committed. */
function upTo(endsAt: string, moment: string): Loss {
  const seconds = Math.max(0, (Date.parse(moment) - Date.parse(endsAt)) / 1_000)
  return { seconds, transactions: 0, rows: 0 }
}

function notCompared(tail: Tail, { like }: Source): Check {
  const why =
    tail.end === null
      ? `${like.identifier} is ${like.status} and cannot be asked`
      : 'production has gone on since that moment'
  return { name: 'roll-forward.compared', verdict: 'skipped', detail: `not compared: ${why}` }
}

async function applyAll(
  { lambda, arn, tell }: Rolling,
  copy: Endpoint,
  { boundary }: Proof,
  systemIdentifier: string,
  target: Target,
): Promise<ApplyAnswer> {
  const request = { task: 'apply', copy, systemIdentifier, boundary, target, seconds: TURN_SECONDS }
  let troubles = 0
  for (let turn = 1; turn <= MOST_TURNS; turn++) {
    try {
      const answer = await invokeFunction<ApplyAnswer>(lambda, arn, request)
      tell(`${answer.transactions} transactions applied`)
      if (answer.done) return answer
    } catch (error) {
      // The archive that is a minute behind looks like any other trouble over an invocation.
      if (++troubles > MOST_TROUBLE) throw error
      tell(`waiting for the archive: ${error instanceof Error ? error.message.split('\n')[0] : error}`)
      await sleep(PAUSE_SECONDS * 1_000)
    }
  }
  throw new Error(`the tail was not applied in ${MOST_TURNS} turns of ${TURN_SECONDS} s`)
}
