/** What is due when, by a clock that can be moved. */
export type Timetable = {
  /** When `key` is due, in milliseconds; undefined for never. */
  set(key: string, at: number | undefined): void
  due(key: string): number | undefined
  /** Nothing fires until `resume`. A new timetable runs. */
  pause(): void
  resume(): void
  /** Looks at the clock again, which was moved: what is overdue by it fires. */
  rearm(): void
  /** For good. */
  stop(): void
}

// Longer waits overflow Node's timers.
const MAX_TIMER_MS = 2_000_000_000

/** A timetable that calls `fire` once for each key that is due; `fire` says when the key is due again. */
export function createTimetable(clock: () => number, fire: (key: string, at: number) => void): Timetable {
  const next = new Map<string, number>()
  let timer: NodeJS.Timeout | undefined
  let state: 'runs' | 'paused' | 'stopped' = 'runs'
  const arm = () => {
    clearTimeout(timer)
    const due = Math.min(...next.values())
    if (state !== 'runs' || !Number.isFinite(due)) return
    timer = setTimeout(strike, Math.min(MAX_TIMER_MS, Math.max(0, due - clock())))
  }
  const strike = () => {
    const now = clock()
    for (const [key, at] of [...next]) {
      if (at > now) continue
      next.delete(key)
      fire(key, at)
    }
    arm()
  }
  const turn = (to: typeof state) => {
    if (state !== 'stopped') state = to
    arm()
  }
  return {
    set: (key, at) => {
      if (at === undefined) next.delete(key)
      else next.set(key, at)
      arm()
    },
    due: key => next.get(key),
    pause: () => turn('paused'),
    resume: () => turn('runs'),
    rearm: arm,
    stop: () => turn('stopped'),
  }
}
