import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { renderReport } from '../../lambdas/restore-drill/report/render.ts'
import { summaryOf } from '../../lambdas/restore-drill/report/summary.ts'
import type { DrillResult } from '../../lambdas/restore-drill/request.ts'
import { type Verification, verifyChain } from '../../lambdas/runtime/evidence/verify.ts'
import { Refusal } from '../../lambdas/runtime/failure.ts'
import { listSegments } from '../../lambdas/runtime/segment/store.ts'
import { ROOT } from '../assembly.ts'
import { type Deployment, openDeployment } from '../drill/deployment.ts'
import { startFunction } from '../drill/invoke.ts'
import { buildRequest } from '../drill/request.ts'
import { runDrill } from '../drill/run.ts'
import { askKey } from '../evidence/ask-key.ts'
import { readBucket, recordsOf } from '../evidence/read.ts'
import { type InstanceLoss, losePrimary } from './instance-loss.ts'
import { ownerConnection } from './owner.ts'
import type { Damage } from './scenario/damage.ts'
import { type Loaded, openScenario } from './scenario/scenario.ts'
import { judgeReturn, type Return } from './verdict.ts'

export type RehearsalOptions = {
  readonly environment: string
  readonly rows: number
  readonly dumpFile?: string | undefined
}

/** What a rehearsal showed. */
export type Rehearsal = {
  readonly loaded: Loaded
  readonly damage: Damage
  readonly drill: DrillResult
  readonly loss: InstanceLoss
  readonly evidence: Verification
  /** Whether the rows that the damage took are in the copy. */
  readonly back: Return
  /** Path of the page. */
  readonly report: string
  /** Folder with the records and the public key, for `holdfast evidence verify`. */
  readonly folder: string
}

/**
 * The whole story on a running twin: fill, write, damage, restore to the moment before, prove, sign, verify; then the
 * primary's process is killed under the writers.
 */
export async function rehearse(options: RehearsalOptions, say: (text: string) => void): Promise<Rehearsal> {
  await using deployment = await openDeployment({ env: options.environment, target: 'twin' })
  const connection = await ownerConnection(deployment)
  const { rows, dumpFile } = options
  const scenario = openScenario({ connection, rows, ...(dumpFile === undefined ? {} : { dumpFile }) })
  await startRecording(deployment)
  const loaded = await scenario.load(say)
  for (const line of describeLoad(loaded)) say(line)
  say('writing steadily …')
  const writers = await scenario.write()
  try {
    // Some history before the damage, so that there is something to lose.
    while (writers.committed() < 50) await sleep(100)
    const damage = await scenario.damage()
    say(`damage: ${damage.statement} took ${damage.rows.toLocaleString('en-US')} rows`)
    const drill = await drillToBefore(deployment, damage)
    say('killing the primary …')
    const { rto } = deployment.config.objectives['instance-loss'] ?? { rto: 120 }
    const loss = await losePrimary(connection, writers, rto)
    return { loaded, damage, drill, loss, ...(await keepEvidence(deployment, damage)) }
  } catch (error) {
    await writers.stop().catch(() => undefined)
    throw error
  }
}

/** What was loaded, and what of a dump was not: a line for each reason. */
function describeLoad({ source, tables, rows, seconds, skipped, roles }: Loaded): string[] {
  const count = (n: number, noun: string) => `${n.toLocaleString('en-US')} ${noun}${n === 1 ? '' : 's'}`
  const byReason = Map.groupBy(skipped, text => /\(([^()]*)\)$/.exec(text)?.[1] ?? '')
  const left = [...byReason].map(
    ([reason, all]) =>
      `left out: ${count(all.length, 'statement')} (${reason}), first ${all[0]?.slice(0, -reason.length - 3)}`,
  )
  const made =
    roles.length === 0 ? [] : [`made without login: ${count(roles.length, 'role')}, ${roles.join(', ')}`]
  return [
    `loaded ${count(rows, 'row')} in ${count(tables, 'table')} from ${source} in ${seconds.toFixed(1)} s`,
    ...left,
    ...made,
  ]
}

/** Their schedules begin a minute after the deployment; a moment without heartbeats cannot be dated. */
async function startRecording(deployment: Deployment): Promise<void> {
  const outputs = ['HeartbeatArn', ...(deployment.config.archive.enabled ? ['ArchiverArn'] : [])]
  for (const output of outputs)
    await startFunction(deployment.lambda('home'), await deployment.output('home', output))
  if (deployment.config.archive.enabled) await archiveBegins(deployment)
}

/** Rows that were written before the archive began have no image in it, and nothing else ever saw them. */
async function archiveBegins(deployment: Deployment): Promise<void> {
  const archive = {
    s3: deployment.s3('home'),
    bucket: await deployment.output('home', 'SegmentsBucket'),
  }
  const end = Date.now() + 60_000
  while (Date.now() < end) {
    for await (const _ of listSegments(archive)) return
    await sleep(250)
  }
  throw new Refusal('NoArchive', 'the archive did not begin within a minute', 'read holdfast logs archiver')
}

async function drillToBefore(deployment: Deployment, damage: Damage): Promise<DrillResult> {
  const request = buildRequest(deployment.config, {
    to: damage.before,
    region: 'home',
    requestedBy: 'rehearsal',
  })
  return runDrill({
    lambda: deployment.lambda('home'),
    functionArn: await deployment.output('home', 'RestoreDrillArn'),
    request: { ...request, disasterAt: damage.before },
  })
}

/** Copies the chain and its key out of the twin, verifies them there and draws the newest record. */
async function keepEvidence(
  deployment: Deployment,
  damage: Damage,
): Promise<Pick<Rehearsal, 'evidence' | 'report' | 'folder' | 'back'>> {
  const region = deployment.region('home')
  const bucket = await deployment.output('home', 'EvidenceBucket')
  const chain = await readBucket(deployment.s3('home'), bucket, region)
  const pin = await askKey(region, await deployment.output('home', 'EvidenceKeyArn'))
  const folder = join(ROOT, '.holdfast', 'evidence')
  // Another twin's records under the same names would break this one's chain.
  await rm(folder, { recursive: true, force: true })
  await mkdir(folder, { recursive: true })
  for (const { name, text } of chain.files)
    if (typeof text === 'string') await writeFile(join(folder, name.slice(name.lastIndexOf('/') + 1)), text)
  await writeFile(join(folder, 'key.pem'), pin)
  const records = recordsOf([chain])
  const newest = records.at(-1)
  if (!newest)
    throw new Refusal('NoEvidence', `${bucket} holds no evidence`, 'read what the drill said above')
  const report = join(ROOT, '.holdfast', 'report.html')
  await writeFile(report, renderReport(newest, records.slice(-30, -1).map(summaryOf)))
  return {
    back: judgeReturn(damage, newest.evidence.tables),
    evidence: verifyChain(chain.files, { pin, whole: true, chain: `${deployment.config.name}/${region}` }),
    report,
    folder,
  }
}
