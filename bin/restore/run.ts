import { RDSClient } from '@aws-sdk/client-rds'
import type { Endpoint } from '../../lambdas/examine/request.ts'
import { describe } from '../../lambdas/restore-drill/copy.ts'
import { PROVING_PREFIX } from '../../lambdas/restore-drill/names.ts'
import { endpointOf } from '../../lambdas/restore-drill/stages/plan.ts'
import type { CloseAnswer, RollForwardRequest } from '../../lambdas/roll-forward/request.ts'
import { Refusal } from '../../lambdas/runtime/failure.ts'
import { worst } from '../../lambdas/runtime/verdict.ts'
import { parameterGroup } from '../../lib/names.ts'
import type { RestoreOptions } from '../commands/restore.ts'
import { type Deployment, openDeployment } from '../drill/deployment.ts'
import { invokeFunction } from '../drill/invoke.ts'
import { complain, Progress, print } from '../terminal.ts'
import { findTail, type Tail } from './archive.ts'
import {
  closeInstance,
  configurationChecks,
  nameInstance,
  requestRestore,
  waitUntilAvailable,
} from './instance.ts'
import { defaultName, refuseBadName } from './name.ts'
import { type Proof, proveCopy } from './prove.ts'
import { describeRestored, type Restored, sayStanding } from './show.ts'
import { chooseSource, readInstance, type Source } from './source.ts'
import { type Rolled, rollForward } from './tail.ts'

/** The whole command: exit code 0 only for a copy that was proven and has its name. */
export async function restoreFromTerminal(options: RestoreOptions): Promise<void> {
  await using deployment = await openDeployment(options)
  const rds = new RDSClient({ region: deployment.region(options.region) })
  const progress = new Progress()
  try {
    const plan = await makePlan(deployment, rds, options)
    const restored = await watched(plan, () => carryOut({ deployment, rds, progress, options }, plan))
    progress.done()
    process.exitCode = restored.verdict === 'pass' ? 0 : 1
    print(options.json ? JSON.stringify(restored, null, 2) : `\n${describeRestored(restored)}`)
  } finally {
    rds.destroy()
  }
}

type Plan = {
  readonly source: Source
  readonly tail: Tail | null
  readonly name: string
  readonly region: string
  readonly examineArn: string
  readonly rollForwardArn: string | null
  /** What stands now, for whoever interrupts; `null` before anything was asked of RDS. */
  standing: string | null
}

/** Everything that can be refused is refused here, before anything costs. */
async function makePlan(deployment: Deployment, rds: RDSClient, options: RestoreOptions): Promise<Plan> {
  const { config } = deployment
  const place = options.region
  if (options.name !== undefined) refuseBadName(config, options.name)
  const withArchive = options.withArchive === true
  if (withArchive && place === 'standby')
    throw new Refusal(
      'NoRollForwardThere',
      `nothing rolls a copy forward in ${deployment.region(place)}: only the home region has that function`,
      'restore there without --with-archive, or with it in the home region',
    )
  const examineArn = await deployment.output(place, 'ExamineArn')
  const rollForwardArn = withArchive ? await deployment.output(place, 'RollForwardArn') : null
  const source = await chooseSource(deployment, rds, { to: options.to, place, withArchive })
  const name = options.name ?? defaultName(config.name, source.moment)
  refuseBadName(config, name)
  for (const taken of [name, PROVING_PREFIX + name]) await refuseTaken(rds, taken)
  const archive = {
    s3: deployment.s3(place),
    bucket: withArchive ? await deployment.output(place, 'SegmentsBucket') : '',
  }
  const to = source.target.kind === 'time' ? source.target.at : null
  const tail = withArchive ? await findTail(archive, source.moment, to) : null
  return { source, tail, name, examineArn, rollForwardArn, region: deployment.region(place), standing: null }
}

async function refuseTaken(rds: RDSClient, name: string): Promise<void> {
  const found = await readInstance(rds, name)
  if (!found) return
  throw new Refusal(
    'NameTaken',
    `an instance ${name} exists, it is ${found.DBInstanceStatus}`,
    name.startsWith(PROVING_PREFIX)
      ? `a restore of that name is running or was left behind: wait, delete it, or give another --name`
      : 'give another --name',
  )
}

type Doing = {
  readonly deployment: Deployment
  readonly rds: RDSClient
  readonly progress: Progress
  readonly options: RestoreOptions
}

async function carryOut({ deployment, rds, progress, options }: Doing, plan: Plan): Promise<Restored> {
  const { config } = deployment
  const { source, name, region, tail } = plan
  const began = Date.now()
  const tell = (said: string) => progress.say(`${Math.round((Date.now() - began) / 1_000)} s  ${said}`, said)
  const every = deployment.twin ? 1 : 15
  const proving = PROVING_PREFIX + name
  tell(`restoring ${source.from.kind} ${source.from.id} to ${source.moment} as ${proving}`)
  plan.standing = proving
  const group = parameterGroup(config, 'drill')
  await requestRestore(rds, source, proving, group)
  const shown = await waitUntilAvailable(rds, proving, every, status => tell(`${proving} is ${status}`))
  const availableAfter = Math.round((Date.now() - began) / 1_000)
  const instance = await describe(rds, proving)
  if (!instance) throw new Error(`${proving} was available and is gone`)
  const copy = endpointOf(instance, config.database.name)
  tell('asking the copy who it is and where it ends')
  const lambda = deployment.lambda(options.region)
  const standby = options.region === 'standby'
  const asking = { lambda, examineArn: plan.examineArn, database: config.database.name, standby }
  const proof = await proveCopy(asking, source, copy, [...new Set([config.name, source.like.identifier])])
  const settings = configurationChecks(
    source,
    shown,
    options.region === 'home' && source.from.kind === 'instance',
    group,
  )
  const rolled = await roll(plan, proof, lambda, copy, tell, tail)
  const found = [...settings, ...proof.checks, ...(rolled?.checks ?? [])]
  // What was given to whoever rolled it forward is taken back before it can be anybody's.
  const closed = worst(found) === 'pass' && rolled ? await close(plan, lambda, copy, tell) : []
  const checks = [...found, ...closed]
  const verdict = worst(checks)
  let standing = { identifier: proving, arn: instance.arn, host: instance.host, port: instance.port }
  if (verdict === 'pass') {
    tell(`proven: closing it to the functions that proved it, and naming it ${name}`)
    await closeInstance(rds, instance)
    const named = await nameInstance(rds, source, proving, name, every, status =>
      tell(`${name} is ${status}`),
    )
    plan.standing = name
    standing = {
      identifier: name,
      arn: named.DBInstanceArn ?? '',
      host: named.Endpoint?.Address ?? null,
      port: named.Endpoint?.Port ?? null,
    }
  }
  const endsAt = rolled?.endsAt ?? proof.cut?.at ?? null
  return {
    ...{ verdict, ...standing, region, name, database: config.database.name, checks },
    from: `${source.from.kind} ${source.from.id}`,
    restoredTo: source.moment,
    asked: options.to,
    endsAt,
    databases: [
      { name: config.database.name, endsAt, rows: null },
      ...proof.others.map(({ title, rows }) => ({ name: title, endsAt: proof.cut?.at ?? null, rows })),
    ],
    availableAfterSeconds: availableAfter,
    seconds: Math.round((Date.now() - began) / 1_000),
    rpo: rpoOf(proof, rolled),
  }
}

async function roll(
  { source, rollForwardArn }: Plan,
  proof: Proof,
  lambda: ReturnType<Deployment['lambda']>,
  copy: Parameters<typeof rollForward>[4],
  tell: (said: string) => void,
  tail: Tail | null,
): Promise<Rolled | null> {
  // A copy that is not the right one is not written to.
  if (tail === null || rollForwardArn === null || worst(proof.checks) !== 'pass') return null
  tell('rolling the copy forward along the archive')
  return rollForward({ lambda, arn: rollForwardArn, tell }, source, proof, tail, copy)
}

async function close(
  { rollForwardArn }: Plan,
  lambda: ReturnType<Deployment['lambda']>,
  copy: Endpoint,
  tell: (said: string) => void,
): Promise<CloseAnswer['checks']> {
  tell('taking back what the roll-forward was given')
  const request: RollForwardRequest = { task: 'close', copy }
  return (await invokeFunction<CloseAnswer>(lambda, rollForwardArn ?? '', request)).checks
}

function rpoOf(proof: Proof, rolled: Rolled | null): Restored['rpo'] {
  const bare =
    proof.rpoSeconds === null
      ? null
      : { seconds: proof.rpoSeconds, transactions: proof.transactions, rows: null }
  return {
    countedTo: proof.disasterAt,
    withoutTail: rolled?.withoutTail ?? bare,
    withTail: rolled?.withTail ?? null,
    complete: rolled?.complete ?? true,
    applied: rolled ? { transactions: rolled.transactions, rows: rolled.rows } : null,
  }
}

/** Ctrl-C, and any failure after RDS was asked, says what stands and how to delete it. */
async function watched<T>(plan: Plan, work: () => Promise<T>): Promise<T> {
  const say = () => {
    if (plan.standing !== null) complain(`\n${sayStanding(plan.standing, plan.name, plan.region)}`)
  }
  const interrupt = () => {
    say()
    process.exit(130)
  }
  process.once('SIGINT', interrupt)
  try {
    return await work()
  } catch (error) {
    say()
    throw error
  } finally {
    process.removeListener('SIGINT', interrupt)
  }
}
