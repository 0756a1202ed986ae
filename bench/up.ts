/**
 * Brings the production environment up from nothing, as `holdfast up` does, and measures it: wall time, the
 * processor time behind it and the memory of every process of the twin. Numbers, never pass or fail.
 *
 *   npx node bench/up.ts [environment]
 */
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { cpus, loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { stopTwin } from '../bin/commands/down.ts'
import { synthesize } from '../bin/diff/synthesize.ts'
import { bringUp } from '../bin/twin-process.ts'

type Process = {
  readonly pid: number
  readonly parent: number
  readonly seconds: number
  readonly command: string
}

const TICKS_PER_SECOND = 100

/** Every process there is, from /proc; children that have ended count for their parent. */
function processes(): Process[] {
  return readdirSync('/proc')
    .filter(name => /^\d+$/.test(name))
    .flatMap(name => {
      try {
        const fields = readFileSync(`/proc/${name}/stat`, 'utf8')
          .replace(/^.*\) /s, '')
          .split(' ')
        const ticks = [11, 12, 13, 14].reduce((sum, index) => sum + Number(fields[index]), 0)
        return [
          {
            pid: Number(name),
            parent: Number(fields[1]),
            seconds: ticks / TICKS_PER_SECOND,
            command: readFileSync(`/proc/${name}/cmdline`, 'utf8').replaceAll('\0', ' '),
          },
        ]
      } catch {
        // It ended while the list was read.
        return []
      }
    })
}

/** The twin's process, what it started and what that started; a postmaster belongs to it by its folder. */
function familyOf(pid: number, root: string): Process[] {
  const all = processes()
  const family = new Set(
    all.filter(each => each.pid === pid || each.command.includes(root)).map(each => each.pid),
  )
  for (let grown = true; grown; ) {
    grown = false
    for (const each of all)
      if (family.has(each.parent) && !family.has(each.pid)) {
        family.add(each.pid)
        grown = true
      }
  }
  return all.filter(each => family.has(each.pid) && each.pid !== process.pid)
}

/** Memory that is this process's share: pages used by many count for each in part. */
function proportionalBytes(pid: number): number {
  try {
    const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8')
    return Number(rollup.match(/^Pss:\s+(\d+) kB/m)?.[1] ?? 0) * 1_024
  } catch {
    // It ended while it was asked.
    return 0
  }
}

function kindOf({ command }: Process): string {
  if (command.includes('bootstrap.ts')) return 'functions'
  if (command.includes('twin/main.ts')) return 'twin'
  if (command.includes('postgres')) return 'postgresql'
  return 'other'
}

const environment = process.argv[2] ?? 'prod'
const folder = mkdtempSync(join(tmpdir(), 'holdfast-bench-'))
// PostgreSQL's account passes through it when this is root.
chmodSync(folder, 0o711)
process.env.HOLDFAST_TWINS = join(folder, 'twins')
const load = loadavg()[0] ?? 0
const synthStart = performance.now()
await synthesize(environment, join(folder, 'cdk.out'))
const upStart = performance.now()
const { twin, types } = await bringUp(
  {
    environment,
    assembly: join(folder, 'cdk.out'),
    only: [],
    noIam: false,
    pauseSchedules: false,
  },
  () => {},
)
const upEnd = performance.now()
const family = familyOf(twin.pid, folder)
const processorSeconds = family.reduce((sum, each) => sum + each.seconds, 0)
// A minute of life: heartbeat and archiver have run, the replicas follow.
await new Promise(resolve => setTimeout(resolve, Number(process.env.BENCH_SETTLE_MS ?? 70_000)))
const memory: Record<string, { processes: number; mib: number }> = {}
for (const each of familyOf(twin.pid, folder)) {
  const kind = kindOf(each)
  const known = memory[kind] ?? { processes: 0, mib: 0 }
  memory[kind] = { processes: known.processes + 1, mib: known.mib + proportionalBytes(each.pid) / 2 ** 20 }
}
await stopTwin(twin)
rmSync(folder, { recursive: true, force: true })
console.log(
  JSON.stringify(
    {
      environment,
      cores: cpus().length,
      loadBefore: load,
      synthesizeSeconds: round((upStart - synthStart) / 1_000),
      upSeconds: round((upEnd - upStart) / 1_000),
      upProcessorSeconds: round(processorSeconds),
      resources: types.reduce((sum, { count }) => sum + count, 0),
      memoryMiB: round(Object.values(memory).reduce((sum, { mib }) => sum + mib, 0)),
      memory: Object.fromEntries(
        Object.entries(memory).map(([kind, { processes: count, mib }]) => [
          kind,
          { processes: count, mib: round(mib) },
        ]),
      ),
    },
    null,
    2,
  ),
)

function round(value: number): number {
  return Math.round(value * 10) / 10
}
