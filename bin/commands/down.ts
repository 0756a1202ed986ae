import { setTimeout as sleep } from 'node:timers/promises'
import type { Verb } from '../holdfast.ts'
import { environmentOption } from '../options.ts'
import { print } from '../terminal.ts'

const EXAMPLES = `
Examples:
  holdfast down              the twin that is running
  holdfast down --env dev
What it holds stays in .twin/<environment>; holdfast up goes on from there, holdfast reset removes it.`

const WAIT_MS = 25_000
const POLL_MS = 50

/** `holdfast down`: stops a twin and everything it runs. */
export const register: Verb = program => {
  program
    .command('down')
    .description('stop the twin; what it holds stays')
    .addOption(environmentOption())
    .option('--json', 'for machines')
    .addHelpText('after', EXAMPLES)
    .action(async (options: { env?: string; json?: boolean }) => {
      const { requireTwin, findTwins, findTwin } = await import('../target.ts')
      if ((options.env ? findTwin(options.env) : findTwins()[0]) === undefined) {
        print(options.json ? JSON.stringify({ stopped: null }) : 'no twin is running')
        return
      }
      const twin = requireTwin(options.env)
      await stopTwin(twin)
      print(options.json ? JSON.stringify({ stopped: twin.environment }) : `${twin.environment} is down`)
    })
}

/** Stops a twin's process and waits until it is gone. Throws a sentence when it does not go. */
export async function stopTwin(twin: { readonly environment: string; readonly pid: number }): Promise<void> {
  const { findTwin } = await import('../target.ts')
  process.kill(twin.pid, 'SIGTERM')
  for (const end = Date.now() + WAIT_MS; Date.now() < end; ) {
    if (!isThere(twin.pid)) return
    await sleep(POLL_MS)
  }
  if (findTwin(twin.environment))
    throw new Error(`process ${twin.pid} does not stop\nHINT: kill -9 ${twin.pid}; what it runs ends with it`)
}

function isThere(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    // No such process: it is gone.
    return false
  }
}
