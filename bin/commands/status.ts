import { setTimeout as sleep } from 'node:timers/promises'
import type { Verb } from '../holdfast.ts'
import { type Where, where } from '../options.ts'
import { CLEARED, paint, print } from '../terminal.ts'

const EXAMPLES = `
Examples:
  holdfast status
  holdfast status --env prod --watch
  holdfast status --env prod --target aws
  holdfast status --all                   the twin's functions, buckets and drills as well
  holdfast status --check                 exit code 1 unless every objective holds, those that nothing drills included
  holdfast status --json | jq '.objectives[] | {mode, state, exposure}'

States: holds (a way back keeps it now, its newest drill passed, in time, and none of their alarms rings), exposed
(would lose more or take longer than allowed now, or its page rings), unproven (nothing drills it, no drill passed in
time, or the newest failed), unknown (nobody can tell). Below the table stands why one does not hold.
Columns: what the objective allows to lose and to take; what would be lost now, and by which means it would come
back; the age of the newest proof, and how often one is due.

Exit codes: 0 looked, whatever it saw; 1 could not look, or, with --check, not every objective holds.`

type Options = Where & {
  json?: boolean
  watch?: boolean
  check?: boolean
  all?: boolean
}

/** Seconds between two looks of `--watch`. */
const EVERY = 5

/** `holdfast status`: the objectives and their proofs, what rings, and what a running twin is made of. */
export const register: Verb = program => {
  where(program.command('status'))
    .description('every objective, how exposed it is, its last proof, and what rings')
    .option('--watch', `look again every ${EVERY} seconds`)
    .option('--check', 'exit code 1 unless every objective holds: kept by a way back now, and proven in time')
    .option('--all', 'everything that a twin is made of')
    .option('--json', 'for machines')
    .addHelpText('after', EXAMPLES)
    .action(status)
}

async function status(options: Options): Promise<void> {
  const { openDeployment } = await import('../drill/deployment.ts')
  await using deployment = await openDeployment(options)
  for (;;) {
    const seen = await look(deployment, options.all ?? false)
    if (options.json) print(JSON.stringify(seen.facts, null, 2))
    else print(`${options.watch && process.stdout.isTTY ? CLEARED : ''}${seen.screen}`)
    if (options.check) process.exitCode = seen.holds ? 0 : 1
    if (!options.watch) return
    await sleep(EVERY * 1_000)
  }
}

type Deployment = Awaited<ReturnType<typeof import('../drill/deployment.ts')['openDeployment']>>

async function look({ config, twin, s3 }: Deployment, all: boolean) {
  const { objectiveStatuses } = await import('../status/objectives.ts')
  const { readProofs } = await import('../status/proofs.ts')
  const { ringingAlarms } = await import('../status/figures.ts')
  const { answerOf } = await import('../status/answer.ts')
  const { alarmList, objectiveTable } = await import('../status/screen.ts')
  const now = Date.now()
  const regions = [config.region, config.standbyRegion]
  const answers = await Promise.all(
    regions.map(region => answerOf(limit => ringingAlarms(region, config.name, limit))),
  )
  const proven = await readProofs(config, now, s3)
  const alarms = answers.flatMap(({ value }) => value ?? [])
  const objectives = await objectiveStatuses(
    config,
    now,
    alarms.map(({ name }) => name),
    proven,
  )
  const silent = regions.filter((_, index) => answers[index]?.silence !== undefined)
  const where = twin ? `the twin at ${twin.endpoint}` : `account ${config.account}`
  const details = twin ? await twinDetails(twin, all) : undefined
  return {
    facts: {
      name: config.name,
      at: new Date(now).toISOString(),
      objectives,
      alarms,
      silent,
      twin: details?.facts,
    },
    screen: [
      `${paint('bold', config.name)}  ${where}, ${regions.join(' and ')}`,
      ...silent.map(region => paint('red', `${region} does not answer: what it alone knows is unknown`)),
      objectiveTable(objectives),
      alarmList(
        alarms,
        process.stdout.columns ?? 200,
        regions.filter(region => !silent.includes(region)),
      ),
      ...(details ? [details.screen] : []),
    ].join('\n\n'),
    holds: silent.length === 0 && objectives.every(({ state }) => state === 'holds'),
  }
}

async function twinDetails(twin: NonNullable<Deployment['twin']>, all: boolean) {
  const { askTwin } = await import('../twin-process.ts')
  const { twinScreen } = await import('../status/twin.ts')
  const facts = await askTwin<import('../../twin/control/status.ts').TwinStatus>(twin, 'status')
  return { facts: { ...twin, credentials: undefined, ...facts }, screen: twinScreen(facts, all) }
}
