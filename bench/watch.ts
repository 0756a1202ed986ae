/**
 * Seconds from a fault to the page on a receiver, for each fault that is rehearsed, beside the time within which
 * somebody must know. Real time on a twin with the deployed alarms: it takes about a quarter of an hour.
 *
 *   npx node bench/watch.ts [environment] [--json]
 */
import { loadavg } from 'node:os'
import { table } from '../bin/terminal.ts'
import {
  archiverStops,
  connectionsRunOut,
  drillIsSkipped,
  fillDatabase,
  heartbeatStops,
  type Outcome,
  rehearseFaults,
  replicationStops,
  untilQuiet,
} from './pages-cases.ts'
import { openPagesLab } from './pages-lab.ts'

const words = process.argv.slice(2)
const lab = await openPagesLab(words.find(word => !word.startsWith('-')) ?? 'staging')
try {
  await fillDatabase(lab)
  const [archiver, replication, connections] = [
    archiverStops(lab),
    replicationStops(lab),
    connectionsRunOut(lab),
  ]
  await untilQuiet(lab, ['heartbeat', archiver.alarm, replication.alarm, connections.alarm], 600)
  // By itself: a drill waits for the archive, which the next faults stop.
  const drill = await rehearseFaults(lab, [drillIsSkipped(lab)])
  const apart = await rehearseFaults(lab, [archiver, replication, connections])
  await untilQuiet(lab, ['heartbeat', archiver.alarm], 600)
  const together = await rehearseFaults(lab, [heartbeatStops(lab)])
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
