import { PutObjectCommand } from '@aws-sdk/client-s3'
import { evidenceKey, reportKey, sequenceOf } from '../../runtime/evidence/key.ts'
import { publicKeyOf } from '../../runtime/evidence/public-key.ts'
import { readChain } from '../../runtime/evidence/read.ts'
import {
  type Evidence,
  LARGEST_RECORD,
  type SealedEvidence,
  type SteppedOver,
} from '../../runtime/evidence/record.ts'
import type { Head } from '../../runtime/evidence/walk.ts'
import { Refusal } from '../../runtime/failure.ts'
import { renderReport } from '../report/render.ts'
import { type Summary, summaryOf } from '../report/summary.ts'
import type { Drill } from '../setting.ts'
import { seal } from './seal.ts'

export type Written = {
  readonly bucket: string
  readonly key: string
  readonly sha256: string
  readonly report: string
}

/** A record that still wants its place in the chain. */
export type Unplaced = Omit<
  Evidence,
  'chain' | 'sequence' | 'previous' | 'where' | 'signedBy' | 'steppedOver'
>

// Two drills that end together want the same place: the loser takes the next one.
const TRIES = 8
/** How many drills before this one the report shows. */
const HISTORY = 29

/**
 * Appends the record to the region's chain, locked, and its page beside it. A drill that is already in the chain
 * is not written again: the function may have been killed after the write. What lies among the records and is none
 * is stepped over, and the new record names it.
 */
export async function writeEvidence(drill: Drill, unplaced: Unplaced): Promise<Written> {
  const { kms } = drill.clients
  const { evidenceBucket: bucket, evidenceKey: key, region, name, where } = drill.setting
  const pin = await publicKeyOf(kms, key)
  for (let attempt = 1; ; attempt++) {
    const { history, mine, head, steppedOver, sequence } = await readStanding(drill, unplaced.execution, pin)
    const sealed =
      mine ??
      (await seal(kms, pin, {
        ...unplaced,
        ...{ where, signedBy: key, steppedOver, sequence },
        chain: `${name}/${region}`,
        previous: head?.sha256 ?? null,
      }))
    const at = evidenceKey(region, sealed.evidence.sequence)
    if (mine === undefined && !(await putOnce(drill, at, textOf(sealed)))) {
      if (attempt >= TRIES)
        throw new Error(`${TRIES} other drills took the places in ${bucket} before this one`)
      continue
    }
    const report = reportKey(region, sealed.evidence.sequence)
    await putOnce(drill, report, renderReport(sealed, history), 'text/html; charset=utf-8')
    return { bucket, key: at, sha256: sealed.sha256, report }
  }
}

/** @throws Refusal `EvidenceTooLarge`: nobody would read such a record, its own writer included. */
function textOf(sealed: SealedEvidence): string {
  const text = `${JSON.stringify(sealed, null, 2)}\n`
  const bytes = Buffer.byteLength(text)
  if (bytes <= LARGEST_RECORD) return text
  throw new Refusal(
    'EvidenceTooLarge',
    `the record has ${bytes} bytes, ${LARGEST_RECORD} are read back; it steps over ${sealed.evidence.steppedOver?.length ?? 0} objects`,
    'find out who fills the evidence bucket: docs/runbook.md, "Evidence"',
  )
}

type Standing = {
  /** The drills before, oldest first. */
  readonly history: readonly Summary[]
  /** This drill's own record, where an earlier try has written it. */
  readonly mine: SealedEvidence | undefined
  readonly head: Head | undefined
  readonly steppedOver: SteppedOver[]
  /** The first free place after the head. */
  readonly sequence: number
}

async function readStanding(drill: Drill, execution: string, pin: string): Promise<Standing> {
  const { evidenceBucket: bucket, region, name } = drill.setting
  const history: Summary[] = []
  let mine: SealedEvidence | undefined
  const { walk, objects } = await readChain(
    drill.clients.s3,
    { bucket, region, chain: `${name}/${region}`, pin },
    (_, { sealed }, isRecord) => {
      if (!isRecord || sealed === undefined) return
      if (sealed.evidence.execution === execution) mine = sealed
      else if (mine === undefined) history.push(summaryOf(sealed))
      if (history.length > HISTORY) history.shift()
    },
  )
  const head = walk.head()
  const taken = new Set(objects.map(({ key }) => sequenceOf(key)))
  let sequence = (head?.sequence ?? 0) + 1
  while (taken.has(sequence)) sequence += 1
  return { history, mine, head, steppedOver: walk.unnamed(), sequence }
}

/** False when somebody else's object has the key. */
async function putOnce(drill: Drill, key: string, body: string, type = 'application/json'): Promise<boolean> {
  const { evidenceBucket, evidenceRetentionSeconds } = drill.setting
  try {
    await drill.clients.s3.send(
      new PutObjectCommand({
        Bucket: evidenceBucket,
        Key: key,
        Body: body,
        ContentType: type,
        ChecksumAlgorithm: 'SHA256',
        IfNoneMatch: '*',
        ObjectLockMode: 'COMPLIANCE',
        ObjectLockRetainUntilDate: new Date(Date.now() + evidenceRetentionSeconds * 1_000),
      }),
    )
    return true
  } catch (error) {
    // 412: the key is taken. 409: another put on it is under way.
    if (
      error instanceof Error &&
      (error.name === 'PreconditionFailed' || error.name === 'ConditionalRequestConflict')
    )
      return false
    throw error
  }
}
