import type { TypeCount } from '../../twin/deploy/deployer.ts'
import type { Verb } from '../holdfast.ts'
import { Progress, paint, print, table } from '../terminal.ts'

const EXAMPLES = `
Examples:
  holdfast up                              prod, both regions, on this machine
  holdfast up --env dev
  holdfast up --only foundation,database   those stacks and what they need
  holdfast up --lag 300                    restorable only up to five minutes ago, as RDS may be
  holdfast up --assembly other.out --json
Running it again brings a running twin up to date with the sources.`

type Options = {
  env: string
  assembly?: string
  only?: string
  iam: boolean
  lag?: string
  schedules: boolean
  json?: boolean
}

/** `holdfast up`: deploys the synthesized stacks onto this machine and leaves them running. */
export const register: Verb = program => {
  program
    .command('up')
    .description('deploy the stacks onto this machine: real PostgreSQL, no account, no Docker')
    .option('--env <name>', 'the environment', 'prod')
    .option('--assembly <folder>', 'a synthesized assembly, instead of synthesizing the environment')
    .option('--only <stacks>', 'these stacks, by the ends of their names, with what they depend on')
    .option('--no-iam', 'let every call pass, for debugging')
    .option('--lag <seconds>', 'how far LatestRestorableTime trails')
    .option('--no-schedules', 'start nothing by schedule until asked to')
    .option('--json', 'for machines')
    .addHelpText('after', EXAMPLES)
    .action(up)
}

async function up(options: Options): Promise<void> {
  const { freshAssembly } = await import('../assembly.ts')
  const { bringUp } = await import('../twin-process.ts')
  const began = performance.now()
  const progress = new Progress()
  const say = (text: string) => progress.say(text)
  const assembly = options.assembly ?? (await freshAssembly(options.env, say)).directory
  const result = await bringUp(
    {
      environment: options.env,
      assembly: (await import('node:path')).resolve(assembly),
      only: options.only?.split(',').map(word => word.trim()) ?? [],
      noIam: !options.iam,
      ...(options.lag === undefined ? {} : { lag: secondsOf(options.lag) }),
      pauseSchedules: !options.schedules,
    },
    say,
  )
  const seconds = (performance.now() - began) / 1_000
  const { twin, isOld, types } = result
  if (options.json)
    return print(
      JSON.stringify({ environment: options.env, seconds, endpoint: twin.endpoint, pid: twin.pid, types }),
    )
  progress.done(`${options.env} is up after ${seconds.toFixed(1)} s`)
  print(typeTable(types))
  print(
    `\n${paint('green', isOld ? 'up to date' : 'up')}  ${twin.endpoint}, process ${twin.pid}\n${paint('dim', 'holdfast status · holdfast logs NAME · holdfast down')}`,
  )
}

function secondsOf(text: string): number {
  const seconds = Number(text)
  if (!Number.isFinite(seconds) || seconds < 0)
    throw new Error(`--lag is "${text}", want seconds\nHINT: holdfast up --lag 300`)
  return seconds
}

/** The types of a deployment with what became of them, what is real first. */
export function typeTable(types: readonly TypeCount[]): string {
  const rows = types.map(({ type, kind, missing, limits, count, created, changed, removed }) => [
    type,
    count,
    kind === 'real'
      ? paint('green', 'real') + (limits ? paint('dim', `, ${limits}`) : '')
      : paint('dim', missing ? `recorded, not on this machine: ${missing}` : 'recorded'),
    [created && `${created} new`, changed && `${changed} changed`, removed && `${removed} removed`]
      .filter(Boolean)
      .join(', '),
  ])
  const sum = (kind: TypeCount['kind']) =>
    types.filter(type => type.kind === kind).reduce((total, { count }) => total + count, 0)
  return `${table(['type', 'count', 'on this machine', 'this time'], rows)}\n\n${sum('real')} real, ${sum('recorded')} only recorded`
}
