import { resolve } from 'node:path'
import { oneLine } from '../../lambdas/runtime/legible.ts'
import type { Verb } from '../holdfast.ts'
import { countOf } from '../options.ts'
import type { Rehearsal } from '../rehearsal/rehearse.ts'
import { complain, Progress, paint, print, table } from '../terminal.ts'

const EXAMPLES = `
Examples:
  holdfast rehearse                     a commerce sample of a million rows
  holdfast rehearse --rows 50000
  holdfast rehearse --load shop.sql     your own pg_dump
  holdfast rehearse --keep              leave the twin running afterwards

Deploys the environment to this machine, fills it, keeps writing, deletes a table without a WHERE, restores the
moment before it, proves the copy row by row against the living database, signs that, and then kills the primary.
Exit code 0 only when every objective held.`

type Options = {
  env: string
  assembly?: string
  rows: number
  load?: string
  keep?: boolean
  json?: boolean
}

/** `holdfast rehearse` (`npm start`): the whole story on this machine. */
export const register: Verb = program => {
  program
    .command('rehearse')
    .description('break a database on this machine, bring it back and prove it')
    .option('--env <name>', 'the environment', 'prod')
    .option('--assembly <folder>', 'a synthesized assembly, instead of synthesizing the environment')
    .option('--rows <count>', 'rows of the commerce sample', countOf, 1_000_000)
    .option('--load <file>', 'a pg_dump to load instead, in any of its formats')
    .option('--keep', 'leave the twin running')
    .option('--json', 'for machines')
    .addHelpText('after', EXAMPLES)
    .action(rehearseFromTerminal)
}

async function rehearseFromTerminal(options: Options): Promise<void> {
  const { freshAssembly } = await import('../assembly.ts')
  const { bringUp } = await import('../twin-process.ts')
  const { rehearse } = await import('../rehearsal/rehearse.ts')
  if (options.load !== undefined) {
    // Before minutes are spent on a twin.
    const { formatOf } = await import('../rehearsal/scenario/dump/format.ts')
    await formatOf(options.load)
  }
  const began = performance.now()
  const progress = new Progress()
  const say = (text: string) => progress.say(text)
  const seconds = () => ((performance.now() - began) / 1_000).toFixed(1)
  const assembly = resolve(options.assembly ?? (await freshAssembly(options.env, say)).directory)
  // A drill that the calendar starts would keep the rehearsal's own from beginning.
  const { isOld } = await bringUp(
    { environment: options.env, assembly, only: [], noIam: false, pauseSchedules: false, holdCalendar: true },
    say,
  )
  const isKept = isOld || options.keep === true
  const listening = isKept ? undefined : stopWhenInterrupted(options.env)
  progress.done(`${options.env} is up after ${seconds()} s`)
  try {
    const told = (text: string) => progress.done(text)
    const shown = await rehearse(
      { environment: options.env, rows: options.rows, dumpFile: options.load },
      text => (text.endsWith('…') ? say(text) : told(text)),
    )
    process.exitCode = (await held(shown, options.env)) ? 0 : 1
    if (options.json) print(JSON.stringify({ seconds: Number(seconds()), ...shown }, null, 2))
    else
      print(
        `\n${await describe(shown, options.env)}\ntwin      ${isKept ? 'runs on' : 'stopped'}; holdfast reset --env ${options.env} removes it with all it holds\n\n${seconds()} s in all`,
      )
  } finally {
    listening?.()
    if (!isKept) await stopTwinOf(options.env)
    else if (!isOld) await resumeSchedules(options.env)
  }
}

async function stopTwinOf(environment: string): Promise<void> {
  const { stopTwin } = await import('./down.ts')
  const { findTwin } = await import('../target.ts')
  const twin = findTwin(environment)
  if (twin) await stopTwin(twin)
}

/** A twin that is kept gets back the calendar that the rehearsal held. */
async function resumeSchedules(environment: string): Promise<void> {
  const { askTwin } = await import('../twin-process.ts')
  const { findTwin } = await import('../target.ts')
  const twin = findTwin(environment)
  if (twin) await askTwin(twin, 'resume-schedules')
}

/** From here on Ctrl-C stops the twin, too: nobody else would. Gives back how to listen no more. */
function stopWhenInterrupted(environment: string): () => void {
  const stop = () => {
    complain(`\nstopping the twin of ${environment} …`)
    void stopTwinOf(environment).finally(() => process.exit(130))
  }
  process.once('SIGINT', stop).once('SIGTERM', stop)
  return () => process.removeListener('SIGINT', stop).removeListener('SIGTERM', stop)
}

async function objectivesOf(environment: string) {
  const { loadEnvironment } = await import('../../config/environments.ts')
  return loadEnvironment(environment).objectives
}

async function held({ drill, loss, evidence, back }: Rehearsal, environment: string): Promise<boolean> {
  const objective = (await objectivesOf(environment))['instance-loss']
  const survived = objective === undefined || (loss.lost === 0 && loss.outageSeconds <= objective.rto)
  return drill.verdict === 'pass' && evidence.verdict === 'pass' && back.verdict === 'pass' && survived
}

/** The copy holds what the primary has not: every deleted row must be among it, or nobody looked. */
function deleted({ damage, back }: Rehearsal): string {
  const rows = damage.rows.toLocaleString('en-US')
  if (back.rows === null) return `${rows} rows deleted; their table was not compared`
  return back.verdict === 'pass'
    ? `${rows} rows deleted, all in the copy`
    : `${rows} rows deleted, ${back.rows.toLocaleString('en-US')} in the copy`
}

type Row = {
  readonly mode: 'bad-write' | 'instance-loss'
  readonly lost: string
  /** Null where nobody could tell. */
  readonly isBack: boolean | null
  readonly rpo: number | null
  readonly rto: number | null
}

async function describe(shown: Rehearsal, environment: string): Promise<string> {
  const { sayCount, sayDuration, sayShare } = await import('../../lambdas/restore-drill/report/figure.ts')
  const { sayVerification } = await import('./evidence.ts')
  const objectives = await objectivesOf(environment)
  const { drill, loss, back } = shown
  const isBack = back.verdict === 'unknown' ? null : back.verdict === 'pass'
  const verdict = (good: boolean | null) =>
    good === null ? paint('yellow', 'unknown') : good ? paint('green', 'held') : paint('red', 'missed')
  const row = ({ mode, lost, isBack, rpo, rto }: Row) => {
    const objective = objectives[mode]
    const within = (found: number | null, most: number | undefined) =>
      found === null || most === undefined ? null : found <= most
    const all = [isBack, within(rpo, objective?.rpo), within(rto, objective?.rto)]
    return [
      mode,
      lost,
      `${sayDuration(rpo)} ≤ ${sayDuration(objective?.rpo ?? null)}`,
      `${sayDuration(rto)} ≤ ${sayDuration(objective?.rto ?? null)}`,
      verdict(all.includes(false) ? false : all.includes(null) ? null : true),
    ]
  }
  const { rpoSeconds, rtoSeconds, coverage } = drill.measured
  const figures = table(
    ['Damage', 'Lost', 'RPO', 'RTO', ''],
    [
      row({ mode: 'bad-write', lost: deleted(shown), isBack, rpo: rpoSeconds, rto: rtoSeconds }),
      // No acknowledged commit lost is an RPO of zero; one lost is a loss of unknown age.
      row({
        mode: 'instance-loss',
        lost: `${sayCount(loss.lost)} of ${sayCount(loss.acknowledged)} commits`,
        isBack: loss.lost === 0 ? true : null,
        rpo: loss.lost === 0 ? 0 : null,
        rto: loss.outageSeconds,
      }),
    ],
  )
  return [
    figures,
    '',
    `${paint(['bold', drill.verdict === 'pass' ? 'green' : 'red'], drill.verdict.toUpperCase())}  ${oneLine(drill.sentence)}`,
    `${sayShare(coverage)} of the rows equal the living database’s or are proven otherwise`,
    oneLine(drill.stages.find(stage => stage.name === 'roll-forward')?.detail ?? ''),
    '',
    sayVerification(shown.evidence, shown.folder),
    '',
    `report    ${shown.report}`,
    `evidence  ${shown.folder}`,
  ].join('\n')
}
