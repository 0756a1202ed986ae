/** What pg_dump writes around a dump; empty for a file that something else wrote. */
export type Frame = {
  begun?: boolean
  ended?: boolean
  /** Of the server that was dumped, e.g. `18.4`. */
  version?: string
}

/** Notes in `frame` what a comment between two statements says of the dump as a whole. */
export function noteFrame(comment: string, frame: Frame): void {
  const version = /^-- Dumped from database version (\S+)/.exec(comment)?.[1]
  if (version !== undefined) frame.version ??= version
  const words = /^-- PostgreSQL database (?:cluster )?dump( complete)?$/.exec(comment)
  if (!words) return
  if (words[1] === undefined) {
    frame.begun = true
    frame.ended = false
  } else frame.ended = true
}
