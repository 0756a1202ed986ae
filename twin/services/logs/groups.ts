import { createHash } from 'node:crypto'
import { appendFileSync, existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Collection } from '../../state/collection.ts'
import { type Call, WireError } from '../../wire/call.ts'
import { requestTagContext, resourceTagContext, type ServiceDependencies } from '../dependencies.ts'

/** A log group. */
export type LogGroup = {
  readonly name: string
  readonly region: string
  readonly createdAt: number
  readonly retentionDays?: number
  readonly keyArn?: string
  readonly tags: Readonly<Record<string, string>>
  /** Streams by name, with the time of their making. */
  readonly streams: Readonly<Record<string, number>>
}

/** One line of a log. `at` in milliseconds. */
export type LogEvent = {
  readonly stream: string
  readonly at: number
  readonly received: number
  readonly message: string
}

/** What the twin gives its CloudWatch Logs. */
export type LogsDependencies = ServiceDependencies & {
  /** Where events lie, a file a group. */
  readonly dir: string
  /** Told of each line, so that embedded metrics reach CloudWatch. */
  readonly onLine?: (line: string, region: string, at: number, group: string) => void
}

/** The groups, and what the twin gave. */
export type Logs = LogsDependencies & { readonly groups: Collection<LogGroup> }

/** Makes a group; `rest` is what the request says of it. */
export function newGroup(logs: Logs, region: string, name: string, rest: Partial<LogGroup> = {}): LogGroup {
  const group: LogGroup = { name, region, createdAt: logs.clock(), tags: {}, streams: {}, ...rest }
  logs.groups.set(`${region}/${name}`, group)
  return group
}

/** Adds a stream to a group. */
export function addStream(logs: Logs, group: LogGroup, stream: string): void {
  logs.groups.set(`${group.region}/${group.name}`, {
    ...group,
    streams: { ...group.streams, [stream]: logs.clock() },
  })
}

const fileOf = (logs: Logs, group: LogGroup) =>
  join(
    logs.dir,
    `${createHash('sha256').update(`${group.region}/${group.name}`).digest('hex').slice(0, 24)}.jsonl`,
  )

/** Writes lines behind those that the stream has. */
export function append(
  logs: Logs,
  group: LogGroup,
  stream: string,
  lines: readonly { at: number; message: string }[],
): void {
  const received = logs.clock()
  const events = lines.map(({ at, message }): LogEvent => ({ stream, at, received, message }))
  appendFileSync(fileOf(logs, group), events.map(event => `${JSON.stringify(event)}\n`).join(''))
  for (const { at, message } of lines) logs.onLine?.(message, group.region, at, group.name)
}

/** Every line of the group that its retention leaves, oldest first. */
export function read(logs: Logs, group: LogGroup): LogEvent[] {
  const file = fileOf(logs, group)
  if (!existsSync(file)) return []
  const since = group.retentionDays ? logs.clock() - group.retentionDays * 86_400_000 : 0
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter(line => line.endsWith('}'))
    .map(line => JSON.parse(line) as LogEvent)
    .filter(({ at }) => at >= since)
    .sort((left, right) => left.at - right.at)
}

/** The name that a request gives as a name, an ARN or an identifier. */
export const groupName = (input: { logGroupName?: string; logGroupIdentifier?: string }) =>
  input.logGroupName ??
  input.logGroupIdentifier?.split(':log-group:')[1]?.replace(/:\*$/, '') ??
  input.logGroupIdentifier ??
  ''

/** @throws WireError ResourceNotFoundException */
export function requireGroup(logs: Logs, name: string, region: string): LogGroup {
  const group = logs.groups.get(`${region}/${name}`)
  if (!group) throw new WireError('ResourceNotFoundException', 'The specified log group does not exist.')
  return group
}

/** ARN of the group. */
export const arnOf = (logs: Logs, region: string, name: string) =>
  `arn:aws:logs:${region}:${logs.account}:log-group:${name}`

/** What a request says of a group and a stream. */
export type Named = {
  logGroupName?: string
  logGroupIdentifier?: string
  logStreamName?: string
  tags?: Record<string, string>
}

/** An action on the group or the stream that a request names. */
export const ask = (logs: Logs, action: string) => (input: Named, call: Call) => {
  const name = groupName(input)
  const stream = input.logStreamName === undefined ? '' : `:log-stream:${input.logStreamName}`
  return [
    {
      action,
      resource: `${arnOf(logs, call.region, name)}${stream}`,
      context: {
        ...resourceTagContext(logs.groups.get(`${call.region}/${name}`)?.tags),
        ...requestTagContext(Object.entries(input.tags ?? {}).map(([Key, Value]) => ({ Key, Value }))),
      },
    },
  ]
}
