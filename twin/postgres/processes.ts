import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

/** The processes whose parent is `pid`. */
export function childrenOf(pid: number): number[] {
  const pairs = process.platform === 'linux' ? fromProc() : fromPs()
  return pairs.filter(([, parent]) => parent === pid).map(([child]) => child)
}

function fromProc(): [number, number][] {
  return readProcesses((pid, fields) => [[pid, Number(fields[1])]])
}

/** Reads Linux's processes one by one; `fields` are those of its `stat` from the state on. One that ends meanwhile is left out. */
export function readProcesses<T>(read: (pid: number, fields: readonly string[]) => readonly T[]): T[] {
  return readdirSync('/proc')
    .filter(name => /^\d+$/.test(name))
    .flatMap(name => {
      try {
        // The command's name is in parentheses and may hold blanks: the fields count from after it.
        const fields = readFileSync(`/proc/${name}/stat`, 'utf8')
          .replace(/^.*\) /s, '')
          .split(' ')
        return read(Number(name), fields)
      } catch {
        // It ended between the listing and the reading.
        return []
      }
    })
}

function fromPs(): [number, number][] {
  const { stdout } = spawnSync('ps', ['-A', '-o', 'pid=,ppid='], { encoding: 'utf8' })
  return stdout
    .trim()
    .split('\n')
    .map(line => line.trim().split(/\s+/).map(Number) as [number, number])
}

/** Whether a process with this id is alive. A dead one that nobody has reaped yet is not. */
export function isAlive(pid: number): boolean {
  if (process.platform === 'linux') {
    try {
      return !/^\d+ \(.*\) [ZX]/s.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
    } catch {
      // No such process.
      return false
    }
  }
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/** Kills a process and its children with SIGKILL and returns when none of the children is left. */
export async function killTree(pid: number): Promise<void> {
  const children = childrenOf(pid)
  for (const each of [pid, ...children]) {
    try {
      process.kill(each, 'SIGKILL')
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
    }
  }
  while (children.some(isAlive)) await sleep(5)
}
