/**
 * Seconds from a fault to the page on a receiver, for each fault that is rehearsed, beside the time within which
 * somebody must know. Real time on a twin with the deployed alarms, but for the youth of the environment and the hours
 * of the skipped drill, which pass in CloudWatch alone: it takes about three quarters of an hour.
 *
 *   npx node bench/watch.ts [environment] [assembly's folder] [--json]
 */
import { loadavg } from 'node:os'
import { table } from '../bin/terminal.ts'
import {
  archiverStops,
  bothStop,
  diskFills,
  drillIsSkipped,
  fillDatabase,
  poolExhausts,
  replicationStops,
} from './pages-cases.ts'
import { openPagesLab } from './pages-lab.ts'
import { type Outcome, rehearseFaults, untilQuiet } from './pages-rehearsal.ts'

const words = process.argv.slice(2)
const [environment = 'prod', assembly] = words.filter(word => !word.startsWith('-'))
const lab = await openPagesLab(environment, assembly)
try {
  const { replicas } = lab.deployment.config.database
  await fillDatabase(lab)
  await untilQuiet(lab, ['heartbeat-lately', 'archive-behind-lately'], 1_200)
  await lab.pass(45)
  // By itself: a drill waits for the archive, which the next faults stop.
  const drill = await rehearseFaults(lab, [drillIsSkipped(lab)])
  const apart = await rehearseFaults(lab, [
    archiverStops(lab),
    ...replicas.slice(0, 1).map(({ name }) => replicationStops(lab, name)),
    ...(lab.deployment.config.standby.enabled ? [replicationStops(lab, 'standby')] : []),
    ...(lab.deployment.config.pool.enabled ? [poolExhausts(lab)] : []),
    diskFills(lab),
  ])
  await untilQuiet(lab, ['heartbeat-lately', 'archive-behind-lately'], 1_200)
  const together = await rehearseFaults(lab, [bothStop(lab)])
  const rounds = [drill, apart, together]
  const outcomes = rounds.flatMap(round => round.outcomes)
  const others = rounds.flatMap(round => round.others)
  if (words.includes('--json')) console.log(JSON.stringify({ load: loadavg()[0], outcomes, others }, null, 2))
  else console.log(`${outcomeTable(outcomes)}\n\nothers that rang: ${JSON.stringify(others)}`)
} finally {
  await lab.close()
}

function outcomeTable(outcomes: readonly Outcome[]): string {
  const seconds = (value: number | undefined) => (value === undefined ? 'never' : `${Math.round(value)} s`)
  return table(
    ['fault', 'alarm', 'to page', 'must be within', 'of', 'pages', 'to resolved', 'article', 'trouble'],
    outcomes.map(one => [
      one.name,
      one.alarm,
      seconds(one.toPage),
      seconds(one.objective),
      one.objectiveOf,
      one.pages,
      seconds(one.toResolved),
      one.article ?? '',
      one.trouble ?? '',
    ]),
  )
}
