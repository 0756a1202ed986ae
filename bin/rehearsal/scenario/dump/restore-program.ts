import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { resolve } from 'node:path'
import { Refusal } from '../../../../lambdas/runtime/failure.ts'

/** Text of its complaint that is kept: the last of it says why. */
const KEPT = 2_000

/**
 * The plain form of a custom, directory or tar dump, as this machine's `pg_restore` writes it. It runs nothing of the
 * dump: it turns one format into the other.
 * @throws Refusal `NoRestoreProgram` where there is none, `DumpUnreadable` with its own words when it gives up
 */
export async function* readArchive(file: string, program = 'pg_restore'): AsyncGenerator<Buffer> {
  const child = spawn(program, ['-f', '-', resolve(file)], { stdio: ['ignore', 'pipe', 'pipe'] })
  // A program that cannot be started ends with an error in place of a code.
  const ending = once(child, 'close').then(
    ([code]) => ({ code }),
    (cause: unknown) => ({ cause }),
  )
  let complaint = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    complaint = (complaint + text).slice(-KEPT)
  })
  try {
    yield* child.stdout as AsyncIterable<Buffer>
    const ended = await ending
    if ('cause' in ended) throw noProgram(file, ended.cause)
    if (ended.code === 0) return
    throw new Refusal(
      'DumpUnreadable',
      `pg_restore cannot read ${file}: ${complaint.trim().split('\n')[0] ?? `it ended with ${ended.code}`}`,
      "copy the dump again; a newer pg_dump than this machine's pg_restore needs the newer pg_restore",
    )
  } finally {
    child.kill()
  }
}

function noProgram(file: string, cause: unknown): Refusal {
  return new Refusal(
    'NoRestoreProgram',
    `${file} is in a format that only pg_restore reads, and this machine has none`,
    `install PostgreSQL's client programs here, or where they are turn it into plain format: pg_restore -f plain.sql ${file}`,
    { cause },
  )
}
