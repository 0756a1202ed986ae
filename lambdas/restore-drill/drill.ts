import type { DurableContext } from '@aws/durable-execution-sdk-js'
import { copyIdentifier, drillId } from './copy.ts'
import { explainStages } from './evidence/tables.ts'
import { assemble, keepEvidence } from './evidence/write.ts'
import { openJournal } from './journal.ts'
import { cleanedUp, publishOutcome, resultOf } from './outcome.ts'
import type { CleanUpRequest, DrillRequest, DrillResult } from './request.ts'
import type { Clients, Drill, Setting } from './setting.ts'
import { askAssertions } from './stages/assertions.ts'
import { placeCanaries } from './stages/canaries.ts'
import { compareCopy } from './stages/compare.ts'
import { proveContents } from './stages/contents.ts'
import { injectFault } from './stages/control.ts'
import { findCut } from './stages/cut.ts'
import { destroyCopy } from './stages/destroy.ts'
import { holdBackup } from './stages/hold.ts'
import { identifyCopy } from './stages/identify.ts'
import { openCopy } from './stages/open.ts'
import { makePlan } from './stages/plan.ts'
import { quarantineCopy } from './stages/quarantine.ts'
import { restoreCopy } from './stages/restore.ts'
import { type Rolled, rollForwardCopy } from './stages/roll-forward.ts'
import { checkStructure } from './stages/structure.ts'
import { takeWitness } from './stages/witness.ts'

/**
 * One drill from request to evidence. Each stage needs what the ones before it found; a stage that cannot be reached
 * is skipped and says so. Whatever happens, the evidence is written and the copy is destroyed; should this execution
 * itself be stopped, the reaper does the latter.
 */
export async function runDrill(
  ctx: DurableContext,
  request: DrillRequest,
  setting: Setting,
  clients: Clients,
): Promise<DrillResult> {
  const drill = drillOf(ctx.executionContext.durableExecutionArn, setting, clients)
  const startedAt = await ctx.step('began', async () => new Date().toISOString())
  const { run, skip, ...journal } = openJournal(ctx, setting.examineArn, startedAt)

  const plan = await run('plan', [], stage => makePlan(stage, drill, request))
  const held = await run('hold', [plan], holdBackup)
  const moment = await run('canaries', [plan, held], (stage, plan) =>
    placeCanaries(stage, drill, request, plan),
  )
  const { rollForwardArn } = setting
  const without = 'there is no archive here'
  // Awaited only when all else is done: it is for drills to come.
  const seen =
    rollForwardArn === undefined ? skip('witness', without) : run('witness', [plan, moment], takeWitness)
  const restored = await run('restore', [plan, moment], (stage, plan, moment) =>
    restoreCopy(stage, drill, request, plan, moment),
  )
  const opened = await run('open', [restored], (stage, restored) => openCopy(stage, request, restored))
  const quiet = await run('quarantine', [plan, restored, opened], quarantineCopy)
  const { negativeControl } = request
  if (negativeControl !== undefined)
    await run('control', [plan, restored, quiet], (stage, plan, restored) =>
      injectFault(stage, negativeControl, plan, restored),
    )
  await run('identify', [plan, moment, restored, opened, quiet], (stage, plan, moment, restored, opened) =>
    identifyCopy(stage, drill, request, plan, moment, restored, opened),
  )
  const found = await run('cut', [plan, moment, restored, quiet], (stage, plan, moment, restored) =>
    findCut(stage, request, plan, moment, restored),
  )
  // Both read all of the copy and neither needs the other's answer: the drill takes as long as the longer one.
  const [, compared] = await Promise.all([
    run('structure', [plan, restored, opened, quiet, found], checkStructure),
    run('compare', [plan, restored, opened, found], compareCopy),
  ])
  if (request.assertions.length === 0) skip('assertions', 'the environment states none')
  else
    await run('assertions', [restored, quiet], (stage, restored) => askAssertions(stage, request, restored))

  let contents = null
  if (rollForwardArn === undefined) skip('contents', without)
  else if (negativeControl !== undefined) skip('contents', 'the copy was damaged on purpose')
  else
    contents = await run(
      'contents',
      [plan, restored, opened, found, compared, quiet],
      (stage, plan, restored, opened, found, compared) =>
        proveContents(stage, request, plan, restored, opened, found, compared),
    )

  // Last of all: it writes to the copy, and every question before was about the copy as it came.
  let rolled: Rolled | null | undefined
  if (rollForwardArn === undefined) skip('roll-forward', without)
  else if (negativeControl !== undefined) skip('roll-forward', 'the copy was damaged on purpose')
  else
    rolled = await run(
      'roll-forward',
      [plan, restored, opened, found, quiet],
      (stage, plan, restored, opened, found) =>
        rollForwardCopy(stage, rollForwardArn, plan, restored, opened, found),
    )

  await seen
  const verifiedAt = await ctx.step('verified', async () => Date.now())
  const record = assemble(drill, request, startedAt, journal, {
    plan,
    restored,
    opened,
    found,
    compared,
    contents,
    rolled,
    verifiedAt,
  })
  const written = await run('evidence', [], stage => keepEvidence(stage, drill, record))
  await run('destroy', [], stage => destroyCopy(stage, drill))
  const stages = explainStages(journal.stages, record.unplaced.tables)
  const result = resultOf(drill, record, stages, written)
  await ctx.step('publish', async () => publishOutcome(drill, request, result, record.judgement.caught))
  return result
}

/** Deletes the copy of a drill that was stopped; what does not carry that drill's tag is left alone. */
export async function cleanUp(
  ctx: DurableContext,
  request: CleanUpRequest,
  setting: Setting,
  clients: Clients,
): Promise<DrillResult> {
  const drill = drillOf(request.cleanUp, setting, clients)
  const startedAt = await ctx.step('began', async () => new Date().toISOString())
  const { run, stages } = openJournal(ctx, setting.examineArn, startedAt)
  // The stopped drill's last call may still be on its way: a copy that it asks for appears within seconds.
  await ctx.wait('last-call', { seconds: 5 })
  await run('destroy', [], stage => destroyCopy(stage, drill))
  return cleanedUp(drill, stages)
}

function drillOf(execution: string, setting: Setting, clients: Clients): Drill {
  const id = drillId(execution)
  return { id, copy: copyIdentifier(setting.name, id), execution, setting, clients }
}
