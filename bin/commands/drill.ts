import { Option } from 'commander'
import { FAULTS } from '../../lambdas/examine/request.ts'
import type { Verb } from '../holdfast.ts'
import { placeOption, type Where, where } from '../options.ts'

const EXAMPLES = `
Examples:
  holdfast drill                                     to the newest restorable moment
  holdfast drill --to 2026-11-20T14:03:00Z
  holdfast drill --to now                            a moment just ahead, marked by sentinels
  holdfast drill --to before-backup-window           the most log to replay: the slowest moment of the day
  holdfast drill --to rds:shop-prod-2026-11-20-03-30 a snapshot
  holdfast drill --region standby                    the replicated backups of the other region
  holdfast drill --control row-deleted               damage the copy: the drill must notice

Exit code 0 only when every objective held. Ctrl-C stops the drill and deletes its copy.`

export type DrillOptions = Where & {
  to: string
  region: 'home' | 'standby'
  control?: string
  controlSource?: string
  json?: boolean
}

/** `holdfast drill`: restores, proves and signs, with live progress. */
export const register: Verb = program => {
  where(program.command('drill'))
    .description('restore a copy, prove it against the living database, sign what was found')
    .option(
      '--to <moment>',
      'latest, now, random, before-backup-window, a time with a zone or a snapshot',
      'latest',
    )
    .addOption(placeOption())
    .addOption(
      new Option('--control <fault>', 'a negative control: put this fault into the copy').choices(FAULTS),
    )
    .option(
      '--control-source <instance>',
      'for the control other-database: what to restore instead; the deployed role may not',
    )
    .option('--json', 'for machines')
    .addHelpText('after', EXAMPLES)
    .action(async (options: DrillOptions) => {
      const { drillFromTerminal } = await import('../drill/run.ts')
      await drillFromTerminal(options)
    })
}
