import { Refusal } from '../../../../lambdas/runtime/failure.ts'
import type { Piece } from './statements.ts'

const NAME = /^\\(\S+)/

/** What to do instead of the command, by its name. */
const STEPS: Readonly<Record<string, string>> = {
  connect: 'one database please: pg_dump -d NAME',
  c: 'one database please: pg_dump -d NAME',
  i: 'put what that file holds into the dump',
  ir: 'put what that file holds into the dump',
  copy: 'make the dump with pg_dump, which brings its rows along',
}

/**
 * Answers a psql command of the dump without running it: the reason when the load goes on without it, nothing for
 * those that only guard a dump.
 * @throws Refusal for every other one
 */
export function refuseCommand(
  { line, isInside }: Piece,
  text: string,
  { isEmpty, file }: { readonly isEmpty: boolean; readonly file: string },
): string | undefined {
  const name = NAME.exec(text)?.[1]?.replace(/[^\w!?]/g, '') ?? ''
  // pg_dump brackets a dump with these against commands in what it holds.
  if (!isInside && (name === 'restrict' || name === 'unrestrict')) return undefined
  // `pg_dump --create` connects to the database that it has just made, before there is anything in it.
  if (!isInside && isEmpty && (name === 'connect' || name === 'c'))
    return 'the rehearsal loads into one database'
  throw new Refusal(
    'DumpRefused',
    `${file}, line ${line}: the psql command \\${name} cannot be run here`,
    STEPS[name] ?? 'take it out of the dump',
  )
}
