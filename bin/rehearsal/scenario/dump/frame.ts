/** What pg_dump writes around a dump; empty for a file that something else wrote. */
export type Frame = {
  begun?: boolean
  ended?: boolean
  /** Of the server that was dumped, e.g. `18.4`. */
  version?: string
}

/** Passes the lines on and notes in `frame` what they say of the dump as a whole. */
export async function* readFrame(lines: AsyncIterable<string>, frame: Frame): AsyncGenerator<string> {
  for await (const line of lines) {
    if (line.startsWith('-- ')) note(line, frame)
    yield line
  }
}

function note(line: string, frame: Frame): void {
  const version = /^-- Dumped from database version (\S+)/.exec(line)?.[1]
  if (version !== undefined) frame.version ??= version
  const words = /^-- PostgreSQL database (?:cluster )?dump( complete)?$/.exec(line)
  if (!words) return
  if (words[1] === undefined) {
    frame.begun = true
    frame.ended = false
  } else frame.ended = true
}
