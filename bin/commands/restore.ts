import type { Verb } from '../holdfast.ts'
import { placeOption, type Where, where } from '../options.ts'

const EXAMPLES = `
Examples:
  holdfast restore --to latest                           the newest moment that RDS can restore
  holdfast restore --to 2026-11-20T14:03:00Z             a moment inside the restorable window
  holdfast restore --to 2026-11-20T14:03:00Z --with-archive
                                                         the same, rolled forward along the archive to that moment
  holdfast restore --to latest --with-archive            to the last archived change, compared with production
  holdfast restore --to rds:shop-prod-2026-11-20-03-30   a snapshot
  holdfast restore --to latest --region standby          the replicated backups of the other region
  holdfast restore --to latest --name shop-prod-before-monday

The copy is called drill-proving-<name> until it is proven; only then does it get its name and its deletion
protection. A drill, not this command, is what signs evidence. Exit code 0 only for a proven copy.
Ctrl-C leaves what stands and says how to delete it.`

export type RestoreOptions = Where & {
  to: string
  region: 'home' | 'standby'
  withArchive?: boolean
  name?: string
  json?: boolean
}

/** `holdfast restore`: production beside production, for use, proven before it gets its name. */
export const register: Verb = program => {
  where(program.command('restore'))
    .description('restore production beside production, for use: proven, then named and protected')
    .requiredOption('--to <moment>', 'latest, a time with a zone or a snapshot')
    .addOption(placeOption())
    .option(
      '--with-archive',
      'roll the copy forward along the archive, to the time or to its end; at home only',
    )
    .option('--name <identifier>', 'of the new instance (default: <environment>-restored-<moment>)')
    .option('--json', 'for machines')
    .addHelpText('after', EXAMPLES)
    .action(async (options: RestoreOptions) => {
      const { restoreFromTerminal } = await import('../restore/run.ts')
      await restoreFromTerminal(options)
    })
}
