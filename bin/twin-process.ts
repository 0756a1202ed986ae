import { spawn } from 'node:child_process'
import { openSync } from 'node:fs'
import { join } from 'node:path'
import { Refusal } from '../lambdas/runtime/failure.ts'
import { callControl } from '../twin/control/client.ts'
import { readAssembly } from '../twin/deploy/assembly.ts'
import type { TypeCount } from '../twin/deploy/deployer.ts'
import { type FromTwin, PROGRAM, type Start } from '../twin/main.ts'
import { folderAt, openFolder } from '../twin/state/folder.ts'
import type { TwinEndpoint } from '../twin/twin.ts'
import { ROOT } from './assembly.ts'
import { findTwin, type LiveTwin, twinRoot } from './target.ts'

/** How `holdfast up` was asked. */
export type UpRequest = {
  readonly environment: string
  /** The assembly's folder. */
  readonly assembly: string
  readonly only: readonly string[]
  readonly noIam: boolean
  /** Seconds that LatestRestorableTime trails; RDS's own few when undefined. */
  readonly lag?: number
  readonly pauseSchedules: boolean
  /** No drill and no backup begins by the calendar: for whoever makes drills and must be alone with them. */
  readonly holdCalendar?: boolean
}

/** What came of it. */
export type UpResult = {
  readonly twin: LiveTwin
  /** Whether it ran already. */
  readonly isOld: boolean
  readonly types: readonly TypeCount[]
}

/**
 * Brings a twin up, or what a running one has up to date. Returns when everything is deployed. A twin that was
 * started for it ends with this process unless it got that far.
 * @throws Refusal `StartedOtherwise`, `OlderTwin`, `NotDeployed`, `NoStacks`, `TwinEnded`
 */
export async function bringUp(request: UpRequest, say: (text: string) => void): Promise<UpResult> {
  const running = findTwin(request.environment)
  if (running) {
    refuseOtherStart(running, request)
    const types = await deploy(running, request, say)
    if (request.pauseSchedules) await askTwin(running, 'pause-schedules')
    return { twin: running, isOld: true, types }
  }
  const started = await startTwinProcess(request, say)
  try {
    const types = await deploy(started.twin, request, say)
    await started.keep()
    return { twin: started.twin, isOld: false, types }
  } catch (error) {
    await started.abandon()
    throw error
  }
}

/** What a twin is started with stays so for its life: asking a running one for the opposite must not look granted. */
function refuseOtherStart({ started, environment }: LiveTwin, { noIam, lag }: UpRequest): void {
  const restart = `holdfast down --env ${environment}, and then holdfast up again as you want it`
  if (started.noIam !== noIam)
    throw new Refusal(
      'StartedOtherwise',
      started.noIam
        ? `the twin of ${environment} was started with --no-iam: it lets every call pass`
        : `the twin of ${environment} runs with IAM: --no-iam counts only where a twin starts`,
      started.noIam ? `${restart}; with --no-iam it goes on as it is` : restart,
    )
  if (lag !== undefined && started.lag !== lag)
    throw new Refusal(
      'StartedOtherwise',
      `the twin of ${environment} was started ${started.lag === undefined ? 'without --lag' : `with --lag ${started.lag}`}: --lag ${lag} counts only where a twin starts`,
      restart,
    )
}

/** What the migration says of a database whose migrations are not those of the sources. */
const OTHER_MIGRATIONS =
  /migration \d+ was edited after it was applied|migration \d+ \([^)]*\) was never applied|the database is at migration \d+, and this code ends at \d+/

async function deploy(twin: LiveTwin, request: UpRequest, say: (text: string) => void): Promise<TypeCount[]> {
  const asked = { directory: request.assembly, only: request.only }
  try {
    return await callControl<TypeCount[]>(controlOf(twin), 'deploy', asked, say)
  } catch (error) {
    const { message } = error as Error
    // The deployment tells what the function said, and not its error's name.
    const [changed] = message.match(OTHER_MIGRATIONS) ?? []
    if (changed)
      throw new Refusal(
        'OlderTwin',
        `this twin's database was made by other migrations than the sources have now (${changed})`,
        `holdfast reset --env ${request.environment}, and then holdfast up --env ${request.environment}`,
        { cause: error },
      )
    if (message.includes('HINT:')) throw error
    throw new Refusal('NotDeployed', message, stepAfter(message, twin.root), { cause: error })
  }
}

// What a person does about a failure that has no hint of its own.
function stepAfter(message: string, root: string): string {
  // Node's word for a full disk, and PostgreSQL's.
  return /ENOSPC|No space left on device/.test(message)
    ? `make room on the disk of ${root}, or set HOLDFAST_TWINS to another one; holdfast up goes on from there`
    : `read ${folderAt(root).log}`
}

/** How the control endpoint of a twin is reached. */
export function controlOf(twin: TwinEndpoint): { url: string; secret: string } {
  return { url: twin.control, secret: twin.credentials.secretAccessKey }
}

/** Asks a running twin. Its refusals come as sentences, not as bugs of this process. */
export async function askTwin<T>(twin: LiveTwin, verb: string, input: unknown = {}): Promise<T> {
  try {
    return await callControl<T>(controlOf(twin), verb, input)
  } catch (error) {
    const { message } = error as Error
    if (message.includes('HINT:')) throw error
    throw new Refusal('TwinRefused', message, `holdfast logs twin --env ${twin.environment}`, {
      cause: error,
    })
  }
}

async function startTwinProcess(request: UpRequest, say: (text: string) => void) {
  const { stacks } = readAssembly(request.assembly)
  const [first] = stacks
  if (!first) throw new Refusal('NoStacks', `${request.assembly} holds no stack`, 'synthesize again')
  const root = twinRoot(request.environment)
  const folder = openFolder(root)
  const start: Start = {
    root,
    account: first.account,
    // The home region first: the primary's stacks outnumber the standby's.
    regions: byCount(stacks.map(stack => stack.region)),
    noIam: request.noIam,
    ...(request.lag === undefined ? {} : { lag: request.lag }),
    pauseSchedules: request.pauseSchedules,
    ...(request.holdCalendar === undefined ? {} : { holdCalendar: request.holdCalendar }),
  }
  say('starting the twin …')
  const log = openSync(folder.log, 'a', 0o600)
  const child = spawn(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', join(ROOT, PROGRAM), JSON.stringify(start)],
    { cwd: ROOT, detached: true, stdio: ['ignore', log, log, 'ipc'] },
  )
  const ended = new Promise<never>((_, reject) => {
    child.once('exit', code =>
      reject(new Refusal('TwinEnded', `the twin ended with ${code} before it was up`, `read ${folder.log}`)),
    )
    child.once('error', reject)
  })
  const up = new Promise<TwinEndpoint>((resolve, reject) => {
    child.on('message', (message: FromTwin) => {
      if ('up' in message) resolve(message.up)
      else
        reject(
          new Error(
            message.failed.includes('HINT:')
              ? message.failed
              : `${message.failed}\nHINT: ${stepAfter(message.failed, root)}`,
          ),
        )
    })
  })
  ended.catch(() => {})
  const address = await Promise.race([up, ended])
  return {
    twin: { ...address, environment: request.environment, root },
    keep: async () => {
      await new Promise<void>(resolve => child.send('keep', () => resolve()))
      child.removeAllListeners()
      if (child.connected) child.disconnect()
      child.unref()
    },
    abandon: async () => {
      if (child.exitCode !== null) return
      const gone = new Promise<void>(resolve => child.once('exit', () => resolve()))
      if (child.connected) child.disconnect()
      await gone
    },
  }
}

function byCount(regions: readonly string[]): string[] {
  const counts = new Map<string, number>()
  for (const region of regions) counts.set(region, (counts.get(region) ?? 0) + 1)
  return [...counts].sort(([, a], [, b]) => b - a).map(([region]) => region)
}
