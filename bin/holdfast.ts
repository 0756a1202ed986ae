#!/usr/bin/env node
import { Command } from 'commander'
import { paint } from './terminal.ts'

/** A verb of the command line: its file registers options and the action, and loads what it needs only when run. */
export type Verb = (program: Command) => void

// In the order in which a newcomer meets them.
const VERBS: readonly (() => Promise<{ register: Verb }>)[] = [
  () => import('./commands/check.ts'),
  () => import('./commands/cost.ts'),
  () => import('./commands/diff.ts'),
  () => import('./commands/up.ts'),
  () => import('./commands/rehearse.ts'),
  () => import('./commands/drill.ts'),
  () => import('./commands/evidence.ts'),
  () => import('./commands/verify-backups.ts'),
  () => import('./commands/archive.ts'),
  () => import('./commands/down.ts'),
  () => import('./commands/status.ts'),
  () => import('./commands/page-test.ts'),
  () => import('./commands/logs.ts'),
  () => import('./commands/fault.ts'),
  () => import('./commands/schedule.ts'),
  () => import('./commands/reset.ts'),
]

const program = new Command('holdfast')
  .description('PostgreSQL on AWS that proves it comes back')
  .showHelpAfterError('HINT: holdfast --help lists the commands')

for (const load of VERBS) (await load()).register(program)

try {
  await program.parseAsync()
} catch (error) {
  // A user's mistake is a sentence; a stack trace is for our bugs only.
  const refused = error instanceof Error && error.message.includes('HINT:')
  console.error(
    paint(
      'red',
      refused || !(error instanceof Error)
        ? String((error as Error).message ?? error)
        : (error.stack ?? error.message),
      process.stderr,
    ),
  )
  process.exitCode = 1
}
