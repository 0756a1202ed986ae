#!/usr/bin/env node
import { Command } from 'commander'
import { describeUnreadable, InvalidEnvironment } from '../config/fault.ts'
import about from '../package.json' with { type: 'json' }
import { complain, paint, write } from './terminal.ts'

/** A verb of the command line: its file registers options and the action, and loads what it needs only when run. */
export type Verb = (program: Command) => void

// Under the headings of the help, in the order in which a newcomer meets them.
const VERBS: Readonly<Record<string, readonly (() => Promise<{ register: Verb }>)[]>> = {
  'Before a deploy:': [
    () => import('./commands/check.ts'),
    () => import('./commands/cost.ts'),
    () => import('./commands/diff.ts'),
  ],
  'On this machine:': [
    () => import('./commands/rehearse.ts'),
    () => import('./commands/up.ts'),
    () => import('./commands/fault.ts'),
    () => import('./commands/schedule.ts'),
    () => import('./commands/logs.ts'),
    () => import('./commands/down.ts'),
    () => import('./commands/reset.ts'),
  ],
  'On this machine or AWS:': [
    () => import('./commands/status.ts'),
    () => import('./commands/drill.ts'),
    () => import('./commands/evidence.ts'),
    () => import('./commands/restore.ts'),
    () => import('./commands/verify-backups.ts'),
    () => import('./commands/archive.ts'),
    () => import('./commands/page-test.ts'),
  ],
}

const EXAMPLES = `
Examples:
  holdfast rehearse              the whole story on this machine
  holdfast check --env prod      every fault of an environment, before a deploy
  holdfast status --env prod     every objective, and its last proof

Exit code 0 when what was asked holds, 1 otherwise. Answers go to standard
output, progress and errors to standard error.`

const program = new Command('holdfast')
  .description('PostgreSQL on AWS that proves it comes back')
  .version(about.version, '-V, --version', 'the version')
  .configureHelp({ subcommandTerm: termOf })
  .configureOutput({
    writeOut: text => write(process.stdout, text),
    writeErr: text => write(process.stderr, text),
    outputError: (text, tell) => tell(`${apart(text.trimEnd())}\n`),
  })
  .addHelpText('after', EXAMPLES)

try {
  for (const [heading, loads] of Object.entries(VERBS)) {
    program.commandsGroup(heading)
    for (const load of loads) (await load()).register(program)
  }
  hintAtHelp(program, 'holdfast')
  await program.parseAsync()
} catch (error) {
  complain(
    paint('red', error instanceof InvalidEnvironment ? error.message : apart(toldOf(error)), process.stderr),
  )
  process.exitCode = 1
}

/** A command with its arguments, as the list of commands shows it. */
function termOf(command: Command): string {
  const given = command.registeredArguments.map(each =>
    each.required ? `<${each.name()}>` : `[${each.name()}]`,
  )
  return [command.name(), ...given].join(' ')
}

/** A mistake in an option is answered with the help of the command that has it. */
function hintAtHelp(command: Command, path: string): void {
  command.showHelpAfterError(`HINT: ${path} --help shows what it takes`)
  for (const inner of command.commands) hintAtHelp(inner, `${path} ${inner.name()}`)
}

/**
 * Each line of an error but its first and its hint stands in from the margin: a name with a line end in it begins no
 * line that reads as ours.
 */
function apart(told: string): string {
  const hint = told.lastIndexOf('\nHINT: ')
  const fact = hint < 0 ? told : told.slice(0, hint)
  const step = hint < 0 ? '' : told.slice(hint + 1)
  return [fact, ...(step === '' ? [] : [step])].map(part => part.replaceAll('\n', '\n  ')).join('\n')
}

/** A user's mistake and a service's refusal are a sentence; a stack trace is for our own bugs only. */
function toldOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  if (error.message.includes('HINT:')) return error.message
  const { code, path, syscall, address, port, $metadata } = error as NodeJS.ErrnoException & {
    address?: string
    port?: number
    $metadata?: { requestId?: string }
  }
  if (code === 'ECONNREFUSED')
    return `nothing answers at ${address}:${port}\nHINT: holdfast status shows whether the twin still runs; for AWS use --target aws`
  if (path !== undefined && syscall !== undefined)
    return `cannot ${syscall} ${path}: ${code}\nHINT: check that the path is there and that you may use it`
  if (error.name === 'CredentialsProviderError')
    return `no AWS credentials were found: ${error.message}\nHINT: set AWS_PROFILE, or start a twin with holdfast up`
  if ($metadata !== undefined)
    return `AWS refused: ${error.name}: ${error.message} (request ${$metadata.requestId ?? 'without id'})\nHINT: the name says what to change; holdfast logs shows what the functions said`
  return describeUnreadable(error) ?? error.stack ?? error.message
}
