#!/usr/bin/env node
import { Command } from 'commander'
import { describeUnreadable } from '../config/fault.ts'
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
  () => import('./commands/restore.ts'),
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

try {
  for (const load of VERBS) (await load()).register(program)
  await program.parseAsync()
} catch (error) {
  console.error(paint('red', toldOf(error), process.stderr))
  process.exitCode = 1
}

/** A user's mistake and a service's refusal are a sentence; a stack trace is for our own bugs only. */
function toldOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  if (error.message.includes('HINT:')) return error.message
  const { code, address, port, $metadata } = error as Error & {
    code?: string
    address?: string
    port?: number
    $metadata?: { requestId?: string }
  }
  if (code === 'ECONNREFUSED')
    return `nothing answers at ${address}:${port}\nHINT: holdfast status shows whether the twin still runs; for AWS use --target aws`
  if (error.name === 'CredentialsProviderError')
    return `no AWS credentials were found: ${error.message}\nHINT: set AWS_PROFILE, or start a twin with holdfast up`
  if ($metadata !== undefined)
    return `AWS refused: ${error.name}: ${error.message} (request ${$metadata.requestId ?? 'without id'})\nHINT: the name says what to change; holdfast logs shows what the functions said`
  return describeUnreadable(error) ?? error.stack ?? error.message
}
