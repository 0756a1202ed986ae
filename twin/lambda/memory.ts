import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

/** Resident memory of a process in bytes, or undefined when it has ended. */
export function residentBytes(pid: number): number | undefined {
  try {
    if (process.platform === 'linux') {
      const line = readFileSync(`/proc/${pid}/status`, 'utf8').match(/^VmRSS:\s+(\d+) kB/m)
      return line ? Number(line[1]) * 1_024 : undefined
    }
    return Number(execFileSync('ps', ['-o', 'rss=', '-p', String(pid)], { encoding: 'utf8' }).trim()) * 1_024
  } catch {
    // Not an error: the process ended between the question and the answer.
    return undefined
  }
}
