import type pg from 'pg'
import { sentence } from '../runtime/failure.ts'
import type { Check } from '../runtime/verdict.ts'
import { readCut } from './cut.ts'
import { refuseUnlessCopy } from './guard.ts'
import { readNext } from './history.ts'
import { address, type Relation, readRelations, titleOf } from './relations.ts'
import type { FaultAnswer, FaultKind, FaultRequest } from './request.ts'
import { withSession } from './session.ts'
import type { Side } from './side.ts'
import { fullXid, isFinished, parseSnapshot } from './xid.ts'

/** What SQL cannot do, and who can. */
const OUTSIDE: Partial<Record<FaultKind, string>> = {
  'heap-byte-flipped': 'no SQL reaches the bytes of a file; a twin flips one in the stopped copy',
  'index-byte-flipped': 'no SQL reaches the bytes of a file; a twin flips one in the stopped copy',
  'wrong-time': 'ask RDS for another time and the drill for this one',
  'other-database': 'restore another source and let the drill expect this one',
}

/** Takes any row: nothing in it is the workload's. */
const CANARY = 'holdfast.canary'

const AIMED: readonly FaultKind[] = ['row-deleted', 'row-changed', 'row-added']

const DAMAGE = 'select holdfast.damage($1, $2::pg_catalog.regclass, $3::pg_catalog.tid) as target'

/**
 * Damages one thing in the copy, so that the rest of the drill must come back red. Tables are tried from the largest
 * down until one can be damaged; Holdfast's own heartbeat table always can.
 * @throws Refusal `NotACopy` before anything is touched
 */
export async function fault(
  request: FaultRequest,
  sides: { readonly primary: Side; readonly copy: Side },
): Promise<FaultAnswer> {
  await refuseUnlessCopy(sides.copy, sides.primary)
  const outside = OUTSIDE[request.kind]
  if (outside !== undefined)
    return { checks: [say(request.kind, 'skipped', outside)], done: false, target: null }
  return withSession(sides.primary, primary =>
    withSession(sides.copy, copy => damage(request, primary, copy), { writes: true }),
  )
}

async function damage(request: FaultRequest, primary: pg.Client, copy: pg.Client): Promise<FaultAnswer> {
  const refusals: string[] = []
  for (const relation of await candidates(copy, request)) {
    try {
      const aimed = AIMED.includes(request.kind) && titleOf(relation) !== CANARY
      const place = aimed ? await findRow(primary, copy, relation) : '(0,0)'
      if (place === undefined) continue
      const { rows } = await copy.query(DAMAGE, [request.kind, address(relation), place])
      const target = String(rows[0].target)
      return { checks: [say(request.kind, 'pass', `damaged on purpose: ${target}`)], done: true, target }
    } catch (error) {
      refusals.push(`${titleOf(relation)}: ${sentence(error)}`)
    }
  }
  const why = refusals.at(-1) ?? 'no table has a row that is the same on both sides'
  return {
    checks: [say(request.kind, 'unknown', `nothing could be damaged; ${why}`)],
    done: false,
    target: null,
  }
}

const say = (kind: FaultKind, verdict: Check['verdict'], detail: string): Check => ({
  name: `fault.${kind}`,
  verdict,
  detail,
  asked: DAMAGE,
})

async function candidates(copy: pg.Client, request: FaultRequest): Promise<Relation[]> {
  const all = [...(await readRelations(copy, 'copy')).values()].filter(
    relation => relation.kind === 'r' && relation.persistence === 'p' && relation.schema !== 'pg_catalog',
  )
  if (request.table !== undefined) return all.filter(relation => titleOf(relation) === request.table)
  const canary = all.filter(relation => titleOf(relation) === CANARY)
  const own = (relation: Relation) => (relation.schema === 'holdfast' ? 1 : 0)
  const others = all
    .filter(relation => !canary.includes(relation))
    .sort((a, b) => own(a) - own(b) || b.bytes - a.bytes)
  // Keys forbid a second row of most tables; this one takes it.
  return request.kind === 'row-added' ? [...others, ...canary] : others
}

/** The place of a row of before the cut that the primary still has: damage to any other could rightly go unseen. */
async function findRow(primary: pg.Client, copy: pg.Client, relation: Relation): Promise<string | undefined> {
  const cut = await readCut(copy)
  if (!cut) return undefined
  const snapshot = parseSnapshot(cut.snapshot)
  const next = await readNext(copy)
  const { rows } = await copy.query({
    text: `select t.ctid, t.xmin from only ${address(relation)} t limit 1000`,
    rowMode: 'array',
  })
  const settled = (rows as [string, string][]).filter(([, xmin]) =>
    isFinished(fullXid(Number(xmin), next), snapshot),
  )
  const there = await primary.query({
    text: `select t.ctid, t.xmin from only ${address(relation)} t where t.ctid = any ($1::pg_catalog.tid[])`,
    values: [settled.map(([ctid]) => ctid)],
    rowMode: 'array',
  })
  const living = new Set((there.rows as [string, string][]).map(row => row.join()))
  return settled.find(row => living.has(row.join()))?.[0]
}
