import { userInfo } from 'node:os'
import type { LambdaClient } from '@aws-sdk/client-lambda'
import { drillId } from '../../lambdas/restore-drill/copy.ts'
import type { DrillRequestInput, DrillResult } from '../../lambdas/restore-drill/request.ts'
import type { DrillOptions } from '../commands/drill.ts'
import { complain, paint, print } from '../terminal.ts'
import { byteFlip } from './byte-flip.ts'
import { openDeployment } from './deployment.ts'
import { followDrill, type StageNews } from './follow.ts'
import { buildRequest } from './request.ts'
import { describeResult, narrator } from './show.ts'
import { refuseMistaken } from './source.ts'
import { startDrill, stopDrill } from './start.ts'

/** The whole command: exit code 0 only when the drill's verdict is `pass`. */
export async function drillFromTerminal(options: DrillOptions): Promise<void> {
  await using deployment = await openDeployment(options)
  const request = buildRequest(deployment.config, {
    to: options.to,
    region: options.region,
    control: options.control,
    controlSource: options.controlSource,
    requestedBy: `${userInfo().username} at a terminal`,
  })
  await refuseMistaken(deployment, options.region, request)
  const lambda = deployment.lambda(options.region)
  const functionArn = await deployment.output(options.region, 'RestoreDrillArn')
  const damage = byteFlip(deployment, options)
  const result = await runDrill({ lambda, functionArn, request, ...(damage ? { damage } : {}) })
  process.exitCode = result.verdict === 'pass' ? 0 : 1
  print(options.json ? JSON.stringify(result, null, 2) : `\n${describeResult(request, result)}`)
}

export type Run = {
  readonly lambda: LambdaClient
  readonly functionArn: string
  readonly request: DrillRequestInput
  /** Done to the copy while the drill pauses for it. */
  readonly damage?: (drill: string) => Promise<void>
}

/** Starts the drill and follows it to its end. Ctrl-C stops it, waits until its copy is gone and then gives up. */
export async function runDrill({ lambda, functionArn, request, damage }: Run): Promise<DrillResult> {
  const interrupted = new AbortController()
  const interrupt = () => interrupted.abort()
  // Before the drill begins: what was started must not be left behind for want of a listener.
  process.once('SIGINT', interrupt)
  try {
    const execution = await startDrill(lambda, functionArn, request)
    const tell = damage ? damaging(narrator(), () => damage(drillId(execution))) : narrator()
    return await followDrill(lambda, execution, tell, interrupted.signal).catch(error => {
      if (!interrupted.signal.aborted) throw error
      return abandonDrill({ lambda, functionArn, request }, execution)
    })
  } finally {
    process.removeListener('SIGINT', interrupt)
  }
}

async function abandonDrill({ lambda, functionArn, request }: Run, execution: string): Promise<DrillResult> {
  const said = 'stopping the drill and deleting its copy (Ctrl-C again leaves that to the reaper)'
  complain(paint('yellow', `\n${said}`, process.stderr))
  const cleaning = await stopDrill(lambda, functionArn, execution, request.requestedBy)
  return followDrill(lambda, cleaning, narrator())
}

/** Does the damage once, as soon as the drill pauses for it. A damage that fails is told; the drill then finds nothing. */
function damaging(
  tell: (stages: readonly StageNews[]) => void,
  damage: () => Promise<void>,
): (stages: readonly StageNews[]) => void {
  let begun = false
  return stages => {
    tell(stages)
    if (begun || !stages.some(stage => stage.name === 'control')) return
    begun = true
    damage().catch(error => complain(paint('red', `the copy was not damaged: ${error}`, process.stderr)))
  }
}
