import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { InvokeCommand } from '@aws-sdk/client-lambda'
import { ConfirmSubscriptionCommand, SNSClient, SubscribeCommand } from '@aws-sdk/client-sns'
import { freshAssembly } from '../bin/assembly.ts'
import { stopTwin } from '../bin/commands/down.ts'
import { type Deployment, openDeployment, type Place } from '../bin/drill/deployment.ts'
import { bringUp, controlOf } from '../bin/twin-process.ts'
import { partitionOf } from '../config/regions.ts'
import { callControl } from '../twin/control/client.ts'

/** One message of CloudWatch as it came to the receiver. */
export type Page = {
  /** Milliseconds since the epoch, when it arrived. */
  readonly at: number
  readonly topic: string
  readonly alarm: string
  readonly state: string
  readonly description: string
}

/** A deployed environment whose pages and warnings come to this process. */
export type PagesLab = {
  readonly deployment: Deployment
  /** All that has arrived, oldest first. */
  readonly pages: readonly Page[]
  /** Asks the twin's control, as `holdfast fault` and `holdfast schedule` do. */
  control<T>(verb: string, input?: unknown): Promise<T>
  /** Starts a function and waits for its end. `output` names its ARN among the stack's outputs. */
  invoke(place: Place, output: string, event?: unknown): Promise<void>
  /**
   * Lets so many minutes pass in CloudWatch alone, the last minute again and again. What speaks every five minutes is
   * really started on the way, often enough not to be missed.
   */
  pass(minutes: number): Promise<void>
  close(): Promise<void>
}

/** Minutes that pass between two looks of what looks every five: silence rings after more. */
const STRIDE = 15

/**
 * Brings the environment up on a twin of its own and subscribes a receiver on loopback to its topics. With
 * HOLDFAST_TWINS a twin that runs there is taken, and left running.
 * @param assembly folder of the synthesized environment; as fresh as the sources when left out
 */
export async function openPagesLab(environment: string, assembly?: string): Promise<PagesLab> {
  const own =
    process.env.HOLDFAST_TWINS === undefined ? mkdtempSync(join(tmpdir(), 'holdfast-pages-')) : undefined
  if (own !== undefined) {
    // PostgreSQL runs as another account and must be able to pass.
    chmodSync(own, 0o711)
    process.env.HOLDFAST_TWINS = own
  }
  const directory = assembly ?? (await freshAssembly(environment, () => {})).directory
  const { twin, isOld } = await bringUp(
    // A drill that the calendar starts would keep the skipped one from beginning.
    { environment, assembly: directory, only: [], noIam: false, pauseSchedules: false, holdCalendar: true },
    () => {},
  )
  const deployment = await openDeployment({ env: environment, target: 'twin' })
  const receiver = await listen(deployment)
  const control: PagesLab['control'] = (verb, input = {}) => callControl(controlOf(twin), verb, input)
  const invoke = invokerOf(deployment)
  return {
    deployment,
    pages: receiver.pages,
    control,
    invoke,
    async pass(minutes) {
      for (let left = minutes; left > 0; left -= STRIDE) {
        await control('pass-minutes', { minutes: Math.min(left, STRIDE) })
        await Promise.all([
          invoke('home', 'FreshnessArn'),
          invoke('standby', 'FreshnessArn'),
          invoke('home', 'WorkloadArn', { seconds: 0 }),
        ])
      }
      // The last looks are part of a whole minute only when it is over.
      await control('pass-minutes', { minutes: 1 })
    },
    async close() {
      await receiver.close()
      await deployment[Symbol.asyncDispose]()
      if (!isOld) await stopTwin(twin)
      if (own !== undefined) {
        rmSync(own, { recursive: true, force: true })
        delete process.env.HOLDFAST_TWINS
      }
    },
  }
}

function invokerOf(deployment: Deployment): PagesLab['invoke'] {
  return async (place, output, event = {}) => {
    const FunctionName = await deployment.output(place, output)
    const Payload = JSON.stringify(event)
    const answer = await deployment.lambda(place).send(new InvokeCommand({ FunctionName, Payload }))
    if (answer.FunctionError !== undefined)
      throw new Error(`${output} failed: ${Buffer.from(answer.Payload ?? []).toString()}`)
  }
}

/** A server that confirms its subscriptions itself, as PagerDuty and Opsgenie do. */
async function listen({ config }: Deployment) {
  const pages: Page[] = []
  const clients = new Map(
    [config.region, config.standbyRegion].map(region => [region, new SNSClient({ region })]),
  )
  const server = createServer((request, response) => {
    const parts: Buffer[] = []
    request.on('data', (part: Buffer) => parts.push(part))
    request.on('end', () => {
      response.end()
      const body = JSON.parse(Buffer.concat(parts).toString()) as Record<string, string>
      const region = body.TopicArn?.split(':')[3] ?? ''
      if (body.Type === 'SubscriptionConfirmation')
        void clients
          .get(region)
          ?.send(new ConfirmSubscriptionCommand({ TopicArn: body.TopicArn, Token: body.Token }))
      else keep(pages, body)
    })
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  for (const [region, client] of clients)
    for (const topic of ['pages', 'warnings'])
      await client.send(
        new SubscribeCommand({
          TopicArn: `arn:${partitionOf(region)}:sns:${region}:${config.account}:${config.name}-${topic}`,
          Protocol: 'http',
          Endpoint: `http://127.0.0.1:${port}/${topic}`,
        }),
      )
  return {
    pages,
    async close() {
      await new Promise(resolve => server.close(resolve))
      for (const client of clients.values()) client.destroy()
    },
  }
}

function keep(pages: Page[], { TopicArn = '', Message = '' }: Record<string, string>): void {
  const said = parse(Message)
  if (said?.AlarmName === undefined) return
  pages.push({
    at: Date.now(),
    topic: TopicArn.split(':').at(-1) ?? '',
    alarm: said.AlarmName,
    state: said.NewStateValue ?? '',
    description: said.AlarmDescription ?? '',
  })
}

// An RDS event or a budget may come to the same topic; it is no alarm's.
function parse(message: string): Record<string, string> | undefined {
  try {
    return JSON.parse(message) as Record<string, string>
  } catch {
    return undefined
  }
}

/** Waits for the first page of an alarm in a state since a moment. Undefined when it does not come in time. */
export async function untilPaged(
  lab: PagesLab,
  { alarm, state, since, seconds }: { alarm: string; state: string; since: number; seconds: number },
): Promise<Page | undefined> {
  for (const end = Date.now() + seconds * 1_000; Date.now() < end; await sleep(500)) {
    const found = lab.pages.find(page => page.alarm === alarm && page.state === state && page.at >= since)
    if (found !== undefined) return found
  }
  return undefined
}
