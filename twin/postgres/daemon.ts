import { spawn } from 'node:child_process'
import {
  closeSync,
  existsSync,
  openSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { makePrivateFolder, own, unprivileged } from './account.ts'
import { socketFolder } from './cluster.ts'
import { isAlive } from './processes.ts'

/** Told of a process, so that it does not outlive the twin. */
export type ProcessWatch = { started(pid: number): void; ended(pid: number): void }

/** A program of this machine that serves beside PostgreSQL, and how it is started. */
export type DaemonOrders = {
  /** As an error says it: `PgBouncer`. */
  readonly title: string
  readonly program: string
  /** Its folder; it holds `<name>.pid`, which the program writes, and `<name>.log`. */
  readonly dir: string
  readonly name: string
  /** The file in the folder that the program is given. */
  readonly configuration: string
  /** Writes the program's files; the folder and that of its socket are there then. */
  readonly configure: (socket: string) => void
  /** Asks it something. Rejects as long as it does not answer. */
  readonly ask: (socket: string) => Promise<unknown>
  readonly watch?: ProcessWatch | undefined
}

/** A running one. */
export type Daemon = {
  readonly pid: number
  /** Folder of its private socket. */
  readonly socket: string
  readonly isRunning: () => boolean
  /** Settles when the process has ended, for whatever reason. */
  readonly exited: Promise<void>
  /** Has it read its files again. */
  readonly reload: () => void
  /** Ends it at once, with whoever is connected. */
  readonly stop: () => Promise<void>
}

const START_MS = 15_000
const STOP_MS = 5_000

/** Starts a daemon under PostgreSQL's account and returns when it answers. @throws with the end of its log */
export async function startDaemon(orders: DaemonOrders): Promise<Daemon> {
  const { dir, name } = orders
  const socket = socketFolder(dir)
  await endStray(dir, join(dir, `${name}.pid`))
  rmSync(socket, { recursive: true, force: true })
  makePrivateFolder(dir)
  makePrivateFolder(socket)
  orders.configure(socket)
  const daemon = launch(orders, socket)
  try {
    await untilAnswers(orders, daemon)
  } catch (error) {
    await daemon.stop()
    const said = readFileSync(join(dir, `${name}.log`), 'utf8').slice(-2_000)
    throw new Error(`${(error as Error).message}\n${said}`, { cause: error })
  }
  return daemon
}

/** Writes a file that the daemon's account alone reads. */
export function writeOwned(file: string, text: string): void {
  writeFileSync(file, text, { mode: 0o600 })
  own(file)
}

function launch({ program, dir, name, configuration, watch }: DaemonOrders, socket: string): Daemon {
  const log = openSync(join(dir, `${name}.log`), 'w', 0o600)
  const child = spawn(program, [join(dir, configuration)], {
    ...unprivileged(),
    stdio: ['ignore', log, log],
    env: { PATH: process.env.PATH, LC_ALL: 'C', TZ: 'UTC' },
    cwd: dir,
  })
  closeSync(log)
  const pid = child.pid ?? -1
  const isRunning = () => child.pid !== undefined && child.exitCode === null && child.signalCode === null
  const exited = new Promise<void>(resolve => {
    child.once('exit', () => resolve())
    child.once('error', () => resolve())
  }).then(() => {
    if (pid > 0) watch?.ended(pid)
  })
  if (pid > 0) watch?.started(pid)
  return {
    pid,
    socket,
    isRunning,
    exited,
    reload: () => {
      if (isRunning()) child.kill('SIGHUP')
    },
    stop: async () => {
      if (isRunning()) child.kill('SIGTERM')
      const hurry = setTimeout(() => child.kill('SIGKILL'), STOP_MS)
      await exited
      clearTimeout(hurry)
      rmSync(socket, { recursive: true, force: true })
    },
  }
}

async function untilAnswers({ title, ask }: DaemonOrders, daemon: Daemon): Promise<void> {
  const deadline = Date.now() + START_MS
  for (;;) {
    if (!daemon.isRunning()) throw new Error(`${title} ended while it started`)
    try {
      await ask(daemon.socket)
      return
    } catch (error) {
      if (Date.now() > deadline) throw new Error(`${title} did not answer in time`, { cause: error })
    }
    await sleep(20)
  }
}

/** One that outlived the twin that started it would keep the port or the socket: it ends first. */
async function endStray(dir: string, file: string): Promise<void> {
  if (!existsSync(file)) return
  const pid = Number(readFileSync(file, 'utf8'))
  if (Number.isInteger(pid) && pid > 1 && isAlive(pid) && worksIn(pid, dir)) {
    process.kill(pid, 'SIGKILL')
    while (isAlive(pid)) await sleep(10)
  }
  rmSync(file, { force: true })
}

/** The number may have gone to another program since. */
function worksIn(pid: number, dir: string): boolean {
  try {
    return readlinkSync(`/proc/${pid}/cwd`) === realpathSync(dir)
  } catch {
    // No such process, or no /proc: what cannot be told to be ours is left alone.
    return false
  }
}
