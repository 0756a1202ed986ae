/** Seconds as a person says them: `0.74 s`, `2 min 41 s`, `1 h 05 min`, `2 h`; `not measured` for `null`. */
export function sayDuration(seconds: number | null): string {
  if (seconds === null) return 'not measured'
  if (seconds < 10) return `${Number(seconds.toFixed(2))} s`
  if (seconds < 60) return `${Number(seconds.toFixed(1))} s`
  const whole = Math.round(seconds)
  if (whole < 3_600)
    return whole % 60 === 0 ? `${whole / 60} min` : `${Math.floor(whole / 60)} min ${whole % 60} s`
  const minutes = Math.round(whole / 60)
  const hours = `${Math.floor(minutes / 60)} h`
  return minutes % 60 === 0 ? hours : `${hours} ${String(minutes % 60).padStart(2, '0')} min`
}

/** `2026-11-20 14:03:00 UTC`, whatever fraction the text carries. */
export function sayTime(iso: string): string {
  return `${iso.slice(0, 10)} ${iso.slice(11, 19)} UTC`
}

/** A share as a percentage that never rounds up to a whole it is not. */
export function sayShare(share: number | null): string {
  if (share === null) return 'not measured'
  const percent = Math.floor(share * 10_000) / 100
  return `${percent} %`
}

/** `1,234,567` */
export function sayCount(count: number): string {
  return count.toLocaleString('en-US')
}
