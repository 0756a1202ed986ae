/**
 * The twin's process. Its parent says on the command line how it is to be and hears over IPC that it is up, or why
 * not. Until the parent says `keep`, the twin ends with it: a `holdfast up` that is cut off leaves nothing behind.
 */

import type { TwinOptions } from './options.ts'
import { openFolder } from './state/folder.ts'
import { startGuard } from './state/guard.ts'
import { takeLock } from './state/lock.ts'
import { openLog } from './state/log.ts'
import { startTwin, type Twin, type TwinEndpoint } from './twin.ts'

/** What the parent says: everything of `TwinOptions` that is plain data. */
export type Start = Omit<TwinOptions, 'folder' | 'guard'> & { readonly root: string }

/** What the process says to its parent. */
export type FromTwin = { readonly up: TwinEndpoint } | { readonly failed: string }

/** The part of the command line by which a twin's process is known. */
export const PROGRAM = 'twin/main.ts'

const STOP_TIMEOUT_MS = 20_000

async function main(start: Start): Promise<void> {
  // Before the first file: what a twin writes holds its keys and other people's rows.
  process.umask(0o077)
  const folder = openFolder(start.root)
  const log = openLog(folder.log)
  const release = takeLock(folder.lock, PROGRAM)
  const guard = startGuard(folder.root)
  let twin: Twin | undefined
  let isStopping = false
  const stop = async (why: string, code = 0) => {
    if (isStopping) return
    isStopping = true
    log(`stopping: ${why}`)
    // What does not stop in time is ended by the guard.
    setTimeout(() => process.exit(1), STOP_TIMEOUT_MS).unref()
    try {
      // A twin that is still starting has parts that nobody can stop yet: the guard ends what they run.
      if (twin) {
        await twin.stop()
        guard.dismiss()
      }
    } catch (error) {
      log(`stopping failed: ${error instanceof Error ? error.stack : error}`)
      code = 1
    }
    release()
    process.exit(code)
  }
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const)
    process.on(signal, () => void stop(`signal ${signal}`))
  let isKept = false
  process.on('message', message => {
    isKept = message === 'keep'
    if (isKept) process.disconnect()
  })
  process.on('disconnect', () => {
    if (!isKept) void stop('holdfast up was cut off', 1)
  })
  process.on('uncaughtException', error => {
    log(`uncaught: ${error.stack}`)
    void stop('an uncaught exception', 1)
  })
  process.on('unhandledRejection', reason => {
    log(`unhandled rejection: ${reason instanceof Error ? reason.stack : reason}`)
  })
  try {
    twin = await startTwin({ ...start, folder, guard }, () => void stop('asked to'))
    say({ up: twin.address })
  } catch (error) {
    log(`cannot start: ${error instanceof Error ? error.stack : error}`)
    await tell({ failed: error instanceof Error ? error.message : String(error) })
    await stop('it could not start', 1)
  }
}

function say(message: FromTwin): void {
  void tell(message)
}

function tell(message: FromTwin): Promise<void> {
  return new Promise(resolve => {
    if (process.connected) process.send?.(message, () => resolve())
    else resolve()
  })
}

if (process.argv[1]?.endsWith(PROGRAM)) {
  try {
    await main(JSON.parse(process.argv[2] ?? '{}') as Start)
  } catch (error) {
    // Another twin holds the folder, most likely: the parent prints the sentence.
    await tell({ failed: error instanceof Error ? error.message : String(error) })
    process.exit(1)
  }
}
