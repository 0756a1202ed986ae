import type { ExamineAnswer, ExamineRequest, TaskName, Tasks } from '../../../lambdas/examine/request.ts'
import type { Check } from '../../../lambdas/runtime/verdict.ts'

type Answers = {
  [T in TaskName]?: (request: Tasks[T]['request']) => ExamineAnswer<T> | Promise<ExamineAnswer<T>>
}

const good = (name: string): Check => ({ name, verdict: 'pass', detail: 'good' })
/** Good answers to questions of one sort. */
const goods = (of: string, names: string) => names.split(' ').map(name => good(`${of}.${name}`))
const CUT = {
  seq: '41',
  at: '2026-11-20T14:03:59.300000Z',
  lsn: '0/5000000',
  snapshot: '900:900:',
  instance: 'shop-prod',
  timeline: 1,
}
/** A table that is equal on both sides. */
export const TABLE = {
  table: 'public.orders',
  oid: 16_400,
  strategy: 'tid' as const,
  rowsPrimary: 1_000,
  rowsCopy: 1_000,
  equal: 1_000,
  changedSince: 0,
  newSince: 0,
  lost: 0,
  corrupt: 0,
  foreign: 0,
  undated: 0,
  chunks: 1,
  digest: 'a'.repeat(64),
  faults: [],
}

/** Where the primary is. */
export const MARK = {
  checks: [good('mark.heartbeat')],
  now: '2026-11-20T14:04:10.000000Z',
  lsn: '0/6000000',
  timeline: 1,
  systemIdentifier: '7400000000000000001',
  version: '18.4',
  heartbeatAgeSeconds: 0.4,
  heartbeatInstance: 'shop-prod',
  recovering: false,
}

/** Answers of a copy that comes back. */
export const GOOD: Required<Answers> = {
  canaries: () => ({ checks: [good('canaries.planted')], target: '2026-11-20T14:03:50Z', canaries: [] }),
  mark: () => MARK,
  open: () => ({
    checks: [good('open.boundary')],
    boundary: { nextXid: '900', exact: true, timeline: 2 },
    firstQueryMs: 12,
    warmMs: 40,
    warmAt: new Date().toISOString(),
  }),
  quarantine: () => ({
    checks: goods(
      'quarantine',
      'silenced workers subscriptions slots foreign-servers event-triggers strangers cron',
    ),
  }),
  identify: () => ({
    checks: goods('identify', 'system-identifier version writable timeline instance asked-time canaries'),
  }),
  cut: () => ({
    checks: [good('cut.heartbeat')],
    cut: CUT,
    referenceAhead: true,
    rpoSeconds: 0.7,
    lost: { heartbeats: 0, transactions: 3, rows: 5 },
  }),
  structure: ({ after }) =>
    after === undefined
      ? {
          checks: goods('structure', 'schema valid flags sequences collations settings'),
          next: 'orders',
          schemaDigest: 'd'.repeat(64),
        }
      : { checks: goods('structure', 'amcheck checksums') },
  databases: () => ({ checks: [good('databases.listed')], databases: [] }),
  plan: () => ({
    checks: goods('compare', 'plan own-writes'),
    batches: [[[0, 0, 100]], [[0, 100, null]]],
    tables: 1,
    bytes: 1_000_000,
    notCompared: [{ table: 'public.scratch', why: 'unlogged' }],
  }),
  compare: ({ batch }) => ({
    checks: [good('compare.batch')],
    tables: [{ ...TABLE, rowsCopy: batch[0]?.[1] === 0 ? 600 : 400, equal: batch[0]?.[1] === 0 ? 600 : 400 }],
    rest: [],
    bytes: 500_000,
  }),
  witness: () => ({
    checks: [good('witness.written')],
    ...{ at: MARK.now, rows: 1_000, bytes: 9_000, seconds: 0.1, left: 0 },
  }),
  contents: () => ({ checks: [good('contents.read')], tables: [], rest: [] }),
  assertions: ({ assertions }) => ({ checks: assertions.map(one => good(`assertion.${one.name}`)) }),
  fault: ({ kind }) => ({ checks: [], done: true, target: `public.orders (${kind})` }),
}

/** An examination that answers well, except where a test says otherwise. Only its answers matter to the orchestration. */
export function examination(over: Answers = {}) {
  const asked: ExamineRequest[] = []
  const answers = { ...GOOD, ...over }
  return {
    asked,
    handler: async (event: ExamineRequest) => {
      asked.push(event)
      const answer = answers[event.task] as (request: ExamineRequest) => unknown
      return answer(event)
    },
  }
}
