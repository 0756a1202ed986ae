import { spawnSync } from 'node:child_process'
import { linkSync, readFileSync, rmSync, unlinkSync, writeFileSync } from 'node:fs'

/** Another twin holds the folder. */
export class Held extends Error {
  readonly pid: number

  constructor(pid: number, file: string) {
    super(
      `another twin runs on this state, process ${pid} (${file})\nHINT: stop it with holdfast down, or bring up another environment`,
    )
    this.name = 'Held'
    this.pid = pid
  }
}

/**
 * Takes the folder for this process. A lock whose process is gone, or has become another program, is taken over.
 * @returns what releases it
 * @throws Held
 */
export function takeLock(file: string, program: string): () => void {
  const own = `${file}.${process.pid}`
  writeFileSync(own, `${process.pid}\n`)
  try {
    // A link is made by one of two processes only, and with its content: there is no moment of an empty lock.
    for (let attempt = 0; attempt < 3; attempt += 1) {
      try {
        linkSync(own, file)
        return () => release(file)
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
        const holder = holderOf(file, program)
        if (holder !== undefined) throw new Held(holder, file)
        rmSync(file, { force: true })
      }
    }
    throw new Error(`cannot take ${file}: somebody else takes it again and again`)
  } finally {
    unlinkSync(own)
  }
}

function release(file: string): void {
  if (readPid(file) === process.pid) rmSync(file, { force: true })
}

/** The process that holds the lock and still runs `program`; undefined when none does. */
export function holderOf(file: string, program: string): number | undefined {
  const pid = readPid(file)
  return pid !== undefined && commandOf(pid).includes(program) ? pid : undefined
}

function readPid(file: string): number | undefined {
  try {
    const pid = Number(readFileSync(file, 'utf8').trim())
    return Number.isInteger(pid) && pid > 0 ? pid : undefined
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

// A process id alone proves nothing: after a crash and a reboot it may be anybody's.
function commandOf(pid: number): string {
  if (process.platform === 'linux') {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')
    } catch {
      // No such process.
      return ''
    }
  }
  return spawnSync('ps', ['-o', 'command=', '-p', String(pid)], { encoding: 'utf8' }).stdout
}
