import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { readProcesses } from './processes.ts'

/** What a server and its processes have used. */
export type Usage = {
  /** Processor seconds of each process that lives, by its id. */
  readonly seconds: ReadonlyMap<number, number>
  /** Bytes in memory; what the processes share counts once. */
  readonly memory: number
}

/** Clock ticks of /proc: USER_HZ, which Linux keeps at 100 for every program. */
const TICKS_PER_SECOND = 100
const KIB = 1024

type Entry = {
  readonly pid: number
  readonly parent: number
  readonly seconds: number
  readonly own: number
  readonly shared: number
}

/** The postmaster and its children, as the kernel counts them. */
export function usageOf(postmaster: number): Usage {
  const all = process.platform === 'linux' ? fromProc(postmaster) : fromPs(postmaster)
  return {
    seconds: new Map(all.map(({ pid, seconds }) => [pid, seconds])),
    memory:
      all.reduce((sum, { own }) => sum + own, 0) +
      all.reduce((most, { shared }) => Math.max(most, shared), 0),
  }
}

/**
 * Processor seconds between two readings. A process that has come since counts whole, one that has ended no more:
 * what it did in its last moments is lost, so the figure is a lower bound.
 */
export function secondsBetween(before: Usage, after: Usage): number {
  return [...after.seconds].reduce(
    (sum, [pid, seconds]) => sum + Math.max(0, seconds - (before.seconds.get(pid) ?? 0)),
    0,
  )
}

function fromProc(postmaster: number): Entry[] {
  return readProcesses((pid, fields) => {
    const parent = Number(fields[1])
    if (pid !== postmaster && parent !== postmaster) return []
    const status = readFileSync(`/proc/${pid}/status`, 'utf8')
    const bytes = (field: string) =>
      Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? 0) * KIB
    const seconds = (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND
    return [{ pid, parent, seconds, own: bytes('RssAnon'), shared: bytes('RssShmem') }]
  })
}

// ps does not tell what is shared, so memory is an upper bound here.
function fromPs(postmaster: number): Entry[] {
  const { stdout } = spawnSync('ps', ['-A', '-o', 'pid=,ppid=,rss=,time='], { encoding: 'utf8' })
  return stdout
    .trim()
    .split('\n')
    .map(line => line.trim().split(/\s+/))
    .map(([pid, parent, rss, time = '0']) => ({
      pid: Number(pid),
      parent: Number(parent),
      seconds: secondsOf(time),
      own: Number(rss) * KIB,
      shared: 0,
    }))
    .filter(({ pid, parent }) => pid === postmaster || parent === postmaster)
}

/** `[[days-]hours:]minutes:seconds` as ps writes it. */
function secondsOf(time: string): number {
  const [days, clock] = time.includes('-') ? time.split('-') : ['0', time]
  return (clock ?? '').split(':').reduce((sum, part) => sum * 60 + Number(part), 0) + Number(days) * 86_400
}
