import { setTimeout as sleep } from 'node:timers/promises'
import { debuglog } from 'node:util'
import { CloudWatchClient, DescribeAlarmsCommand } from '@aws-sdk/client-cloudwatch'
import type { FaultCase } from './pages-cases.ts'
import { type PagesLab, untilPaged } from './pages-lab.ts'

/** What came of a fault. Times in seconds; `undefined` where nothing came in time. */
export type Outcome = {
  readonly name: string
  readonly alarm: string
  readonly objective: number
  readonly objectiveOf: string
  readonly toPage: number | undefined
  readonly toResolved: number | undefined
  /** How often it paged between fault and end. */
  readonly pages: number
  readonly article: string | undefined
  /** Why the fault could not be ended. */
  readonly trouble: string | undefined
}

/** Says what happened when NODE_DEBUG names `pages`. */
const debug = debuglog('pages')

/** Seconds that are waited for one page at most: the longest window among these alarms is that of the disk, twenty minutes. */
const PATIENCE = 25 * 60

/** Has the faults happen at once, waits for their pages, ends them and waits until all is well again. */
export async function rehearseFaults(lab: PagesLab, cases: readonly FaultCase[]) {
  const { name } = lab.deployment.config
  const since = Date.now()
  const outcomes = await Promise.all(
    cases.map(async (fault): Promise<Outcome> => {
      const alarm = `${name}-${fault.alarm}`
      const begun = Date.now()
      await fault.begin()
      const page = await untilPaged(lab, { alarm, state: 'ALARM', since: begun, seconds: PATIENCE })
      const ended = Date.now()
      // What does not end is told with the rest: the other faults must end all the same.
      const trouble = await fault.end().then(
        () => undefined,
        (error: Error) => error.message,
      )
      // What never rang has nothing to end.
      const over = page && (await untilPaged(lab, { alarm, state: 'OK', since: ended, seconds: PATIENCE }))
      const mine = lab.pages.filter(said => said.alarm === alarm && said.at >= begun)
      debug('%s: told %j, over %j, trouble %s', alarm, page?.at, over?.at, trouble)
      return {
        name: fault.name,
        alarm: fault.alarm,
        objective: fault.objective,
        objectiveOf: fault.objectiveOf,
        toPage: page && (page.at - begun) / 1_000,
        toResolved: over && (over.at - ended) / 1_000,
        pages: mine.filter(({ state }) => state === 'ALARM').length,
        trouble,
        article: /#([a-z0-9-]+)$/m.exec(page?.description ?? '')?.[1],
      }
    }),
  )
  const expected = new Set(cases.map(fault => `${name}-${fault.alarm}`))
  const others = lab.pages.filter(
    ({ alarm, state, at }) => at >= since && state === 'ALARM' && !expected.has(alarm),
  )
  return { outcomes, others: [...new Set(others.map(({ topic, alarm }) => `${topic}: ${alarm}`))] }
}

/** Waits until none of these alarms rings. @throws when one still does */
export async function untilQuiet(lab: PagesLab, ids: readonly string[], seconds: number): Promise<void> {
  const { config } = lab.deployment
  const client = new CloudWatchClient({ region: config.region })
  const AlarmNames = ids.flatMap(id => [`${config.name}-${id}`, `${config.name}-${id}.signal`])
  try {
    let ringing: (string | undefined)[] = []
    for (const end = Date.now() + seconds * 1_000; Date.now() < end; await sleep(2_000)) {
      const { MetricAlarms = [], CompositeAlarms = [] } = await client.send(
        new DescribeAlarmsCommand({ AlarmNames, AlarmTypes: ['MetricAlarm', 'CompositeAlarm'] }),
      )
      const all = [...MetricAlarms, ...CompositeAlarms]
      ringing = all.filter(({ StateValue }) => StateValue !== 'OK').map(({ AlarmName }) => AlarmName)
      if (all.length >= ids.length && ringing.length === 0) return
    }
    throw new Error(`after ${seconds} s these are not OK: ${ringing.join(', ')}`)
  } finally {
    client.destroy()
  }
}
