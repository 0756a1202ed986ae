import type { ShownSchedule } from '../../twin/control/schedule-verbs.ts'
import type { Verb } from '../holdfast.ts'
import { environmentOption } from '../options.ts'
import { paint, print, table } from '../terminal.ts'

const EXAMPLES = `
Examples:
  holdfast schedule list
  holdfast schedule run heartbeat   now, whatever the clock says
  holdfast schedule run daily       a rule of the backup plan
  holdfast schedule pause
  holdfast schedule resume`

type Options = { env?: string; region?: string; json?: boolean }

/** `holdfast schedule`: the clockwork of a running twin. */
export const register: Verb = program => {
  const schedule = program
    .command('schedule')
    .description("the twin's schedules and backup plans: list, run one now, pause all, resume")
    .addHelpText('afterAll', EXAMPLES)
  const command = (usage: string, description: string) =>
    schedule
      .command(usage)
      .description(description)
      .addOption(environmentOption())
      .option('--json', 'for machines')
  command('list', 'what runs when').action(list)
  command('run <name>', 'start a schedule now; a part of its name is enough')
    .option('--region <region>', 'when both regions have one of that name')
    .action(async (name: string, options: Options) => {
      const started = await ask<{ started: string }>(options, 'run-schedule', {
        name,
        region: options.region,
      })
      print(options.json ? JSON.stringify(started) : `started ${started.started}`)
    })
  for (const verb of ['pause', 'resume'] as const)
    command(verb, verb === 'pause' ? 'start nothing by schedule' : 'start what is due again').action(
      async (options: Options) => {
        await ask(options, `${verb}-schedules`)
        print(options.json ? '{}' : verb === 'pause' ? 'schedules are paused' : 'schedules run')
      },
    )
}

async function list(options: Options): Promise<void> {
  const { paused, schedules } = await ask<{ paused: boolean; schedules: ShownSchedule[] }>(
    options,
    'schedules',
  )
  if (options.json) return print(JSON.stringify({ paused, schedules }, null, 2))
  if (paused) print(paint('yellow', 'paused'))
  print(
    table(
      ['schedule', 'region', 'when', 'next'],
      schedules.map(({ name, region, expression, next }) => [
        name,
        region,
        expression,
        next === undefined ? '' : `${next.slice(0, 19)}Z`,
      ]),
    ),
  )
}

async function ask<T>(options: Options, verb: string, input: unknown = {}): Promise<T> {
  const { requireTwin } = await import('../target.ts')
  const { askTwin } = await import('../twin-process.ts')
  return askTwin<T>(requireTwin(options.env), verb, input)
}
