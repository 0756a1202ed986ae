import { z } from 'zod'
import { Refusal } from '../runtime/failure.ts'
import { type ExamineRequest, FAULTS, type TaskName } from './request.ts'

const digits = z.string().regex(/^\d{1,20}$/, 'want a decimal number')
const moment = z
  .string()
  .refine(text => text.length <= 40 && !Number.isNaN(Date.parse(text)), 'want an ISO time')
const name = z.string().min(1).max(200)
const sql = z.string().min(1).max(100_000)
const seconds = z.number().min(-86_400).max(86_400)

const endpoint = z.object({
  identifier: z.string().min(1).max(63),
  host: z.string().min(1).max(255),
  port: z.int().min(1).max(65_535),
  database: z.string().min(1).max(63),
})

const boundary = z.object({ nextXid: digits, exact: z.boolean(), timeline: z.int().min(0) })

const lsn = z.string().regex(/^[0-9A-F]{1,8}\/[0-9A-F]{1,8}$/, 'want a position in the log')

const cut = z.object({
  seq: digits,
  at: moment,
  lsn,
  snapshot: z
    .string()
    .regex(/^\d+:\d+:[\d,]*$/, 'want a snapshot')
    .max(1_000_000),
  instance: name,
  timeline: z.int().min(0),
})

/** A drill's id: the tag on its copy and the end of the copy's identifier. */
const drill = z
  .string()
  .regex(/^[a-z0-9](-?[a-z0-9])*$/, 'want a drill id')
  .max(40)

const canary = z.object({ id: z.uuid(), offset: seconds, at: moment })

/** A block is numbered with 32 bits, and −1 stands for a whole table. */
const block = z
  .int()
  .min(-1)
  .max(2 ** 32)
const oid = z
  .int()
  .min(0)
  .max(2 ** 32)
const range = z.tuple([oid, block, block.nullable()])

const budgetMs = z.int().min(0).max(840_000).optional()

/** What each task is given. Every text has a longest length: what an event holds is kept, or sent to a server. */
const SHAPES = {
  canaries: z.object({ primary: endpoint, drill, target: moment.optional() }),
  mark: z.object({ primary: endpoint, standby: z.boolean().optional() }),
  open: z.object({ copy: endpoint, warm: z.array(sql).max(100).optional() }),
  quarantine: z.object({ copy: endpoint, primary: endpoint.optional() }),
  identify: z.object({
    copy: endpoint,
    boundary,
    expected: z.object({
      systemIdentifier: digits,
      instances: z.array(name).min(1).max(10),
      version: z.string().regex(/^[0-9a-z.]{1,20}$/, 'want a version'),
      timeline: z.int().min(0),
    }),
    mode: z.enum(['time', 'latest', 'snapshot']),
    target: moment,
    canaries: z.array(canary).max(20).optional(),
    primary: endpoint.optional(),
  }),
  cut: z.object({ copy: endpoint, primary: endpoint.optional(), disasterAt: moment }),
  structure: z.object({
    copy: endpoint,
    primary: endpoint.optional(),
    boundary: boundary.optional(),
    after: digits.optional(),
    budgetMs,
  }),
  databases: z.object({
    copy: endpoint,
    primary: endpoint.optional(),
    boundary: boundary.optional(),
    cut: cut.optional(),
  }),
  plan: z.object({
    copy: endpoint,
    primary: endpoint,
    boundary,
    cut,
    batches: z.int().min(1).max(10_000).optional(),
    batchBytes: z.number().min(1).optional(),
  }),
  compare: z.object({
    copy: endpoint,
    primary: endpoint,
    boundary,
    cut,
    batch: z.array(range),
    budgetMs,
    concurrency: z.int().min(1).max(8).optional(),
  }),
  witness: z.object({ budgetMs }),
  contents: z.object({
    ...{ copy: endpoint, primary: endpoint, boundary, cut, systemIdentifier: digits, until: lsn, budgetMs },
    tables: z.array(
      z.object({
        oid,
        strategy: z.enum(['tid', 'multiset']),
        changedIn: z.array(z.tuple([block, block])).max(10_000),
      }),
    ),
  }),
  assertions: z.object({ copy: endpoint, assertions: z.array(z.object({ name, sql })).max(1_000) }),
  fault: z.object({ copy: endpoint, primary: endpoint, kind: z.enum(FAULTS), table: name.optional() }),
} satisfies Record<TaskName, z.ZodType>

/** The event as a request, without what the task does not know. @throws Refusal `BadExamineRequest` naming what is wrong */
export function parseRequest(event: unknown): ExamineRequest {
  const task: unknown =
    typeof event === 'object' && event !== null && 'task' in event ? event.task : undefined
  if (typeof task !== 'string' || !Object.hasOwn(SHAPES, task))
    throw new Refusal(
      'BadExamineRequest',
      `the task is none of ${Object.keys(SHAPES).join(', ')}`,
      'ask for one of these tasks',
    )
  const parsed = SHAPES[task as TaskName].safeParse(event)
  if (parsed.success) return { task, ...parsed.data } as ExamineRequest
  // Where it is wrong, and never what stood there.
  const wrong = parsed.error.issues.slice(0, 5).map(issue => `${issue.path.join('.')}: ${issue.message}`)
  throw new Refusal('BadExamineRequest', `${task}: ${wrong.join('; ')}`, 'correct these fields')
}
