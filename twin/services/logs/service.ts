import { createHash } from 'node:crypto'
import { appendFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type {
  FilterLogEventsCommandInput,
  GetLogEventsCommandInput,
  PutLogEventsCommandInput,
} from '@aws-sdk/client-cloudwatch-logs'
import * as schemas from '@aws-sdk/client-cloudwatch-logs'
import type { Collection } from '../../state/collection.ts'
import { type Call, type Operation, type Service, WireError } from '../../wire/call.ts'
import { requestTagContext, resourceTagContext, type ServiceDependencies } from '../dependencies.ts'
import { readFilter } from './filter.ts'

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

export type LogsDependencies = ServiceDependencies & {
  /** Where events lie, a file a group. */
  readonly dir: string
  /** Told of each line, so that embedded metrics reach CloudWatch. */
  readonly onLine?: (line: string, region: string, at: number, group: string) => void
}

/** The twin's CloudWatch Logs, with what functions write to it in process. */
export type LogsService = {
  readonly service: Service
  /** Adds lines to a stream; group and stream are made when they are not there. */
  append(
    region: string,
    group: string,
    stream: string,
    lines: readonly { readonly at: number; readonly message: string }[],
  ): void
}

type Logs = LogsDependencies & { readonly groups: Collection<LogGroup> }

/** The CloudWatch Logs of one twin, all regions. */
export function createLogs(dependencies: LogsDependencies): LogsService {
  const logs: Logs = { ...dependencies, groups: dependencies.open<LogGroup>('groups') }
  mkdirSync(dependencies.dir, { recursive: true })
  return {
    service: {
      name: 'logs',
      schemas,
      protocol: 'json1.1',
      operations: { ...groupOperations(logs), ...eventOperations(logs) },
    },
    append: (region, name, stream, lines) => {
      const key = `${region}/${name}`
      const group = logs.groups.get(key) ?? newGroup(logs, region, name)
      if (!(stream in group.streams)) addStream(logs, group, stream)
      append(logs, group, stream, lines)
    },
  }
}

function newGroup(logs: Logs, region: string, name: string, rest: Partial<LogGroup> = {}): LogGroup {
  const group: LogGroup = { name, region, createdAt: logs.clock(), tags: {}, streams: {}, ...rest }
  logs.groups.set(`${region}/${name}`, group)
  return group
}

function addStream(logs: Logs, group: LogGroup, stream: string): void {
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

function append(
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

function read(logs: Logs, group: LogGroup): LogEvent[] {
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

const groupName = (input: { logGroupName?: string; logGroupIdentifier?: string }) =>
  input.logGroupName ??
  input.logGroupIdentifier?.split(':log-group:')[1]?.replace(/:\*$/, '') ??
  input.logGroupIdentifier ??
  ''

function requireGroup(logs: Logs, name: string, region: string): LogGroup {
  const group = logs.groups.get(`${region}/${name}`)
  if (!group) throw new WireError('ResourceNotFoundException', 'The specified log group does not exist.')
  return group
}

const arnOf = (logs: Logs, region: string, name: string) =>
  `arn:aws:logs:${region}:${logs.account}:log-group:${name}`

type Named = {
  logGroupName?: string
  logGroupIdentifier?: string
  logStreamName?: string
  tags?: Record<string, string>
}

const ask = (logs: Logs, action: string) => (input: Named, call: Call) => {
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

function groupOperations(logs: Logs): Record<string, Operation> {
  const change = (action: string, next: (group: LogGroup, input: never) => LogGroup): Operation => ({
    questions: ask(logs, action),
    run: (input: Named, call) => {
      const group = requireGroup(logs, groupName(input), call.region)
      logs.groups.set(`${group.region}/${group.name}`, next(group, input as never))
      return {}
    },
  })
  const exists = (what: string) =>
    new WireError('ResourceAlreadyExistsException', `The specified ${what} already exists`)
  return {
    CreateLogGroup: {
      questions: ask(logs, 'logs:CreateLogGroup'),
      run: (input: Named & { kmsKeyId?: string }, call) => {
        if (logs.groups.has(`${call.region}/${groupName(input)}`)) throw exists('log group')
        newGroup(logs, call.region, groupName(input), {
          tags: input.tags ?? {},
          ...(input.kmsKeyId && { keyArn: input.kmsKeyId }),
        })
        return {}
      },
    },
    CreateLogStream: {
      questions: ask(logs, 'logs:CreateLogStream'),
      run: (input: Named, call) => {
        const group = requireGroup(logs, groupName(input), call.region)
        const stream = input.logStreamName ?? ''
        if (stream in group.streams) throw exists('log stream')
        addStream(logs, group, stream)
        return {}
      },
    },
    DeleteLogGroup: {
      questions: ask(logs, 'logs:DeleteLogGroup'),
      run: (input: Named, call) => {
        const group = requireGroup(logs, groupName(input), call.region)
        logs.groups.delete(`${group.region}/${group.name}`)
        return {}
      },
    },
    PutRetentionPolicy: change('logs:PutRetentionPolicy', (group, input: { retentionInDays?: number }) => ({
      ...group,
      ...(input.retentionInDays !== undefined && { retentionDays: input.retentionInDays }),
    })),
    DeleteRetentionPolicy: change('logs:DeleteRetentionPolicy', ({ retentionDays: _, ...group }) => group),
    AssociateKmsKey: change('logs:AssociateKmsKey', (group, input: { kmsKeyId?: string }) => ({
      ...group,
      ...(input.kmsKeyId && { keyArn: input.kmsKeyId }),
    })),
    DescribeLogGroups: {
      questions: (_: unknown, call) => [
        { action: 'logs:DescribeLogGroups', resource: arnOf(logs, call.region, '*') },
      ],
      run: (input: { logGroupNamePrefix?: string; logGroupNamePattern?: string }, call) => ({
        logGroups: logs.groups
          .values()
          .filter(({ region }) => region === call.region)
          .filter(
            ({ name }) =>
              name.startsWith(input.logGroupNamePrefix ?? '') &&
              name.includes(input.logGroupNamePattern ?? ''),
          )
          .map(group => ({
            logGroupName: group.name,
            arn: `${arnOf(logs, group.region, group.name)}:*`,
            logGroupArn: arnOf(logs, group.region, group.name),
            creationTime: group.createdAt,
            retentionInDays: group.retentionDays,
            kmsKeyId: group.keyArn,
          })),
      }),
    },
    DescribeLogStreams: {
      questions: ask(logs, 'logs:DescribeLogStreams'),
      run: (input: Named & { logStreamNamePrefix?: string }, call) => ({
        logStreams: Object.entries(requireGroup(logs, groupName(input), call.region).streams)
          .filter(([name]) => name.startsWith(input.logStreamNamePrefix ?? ''))
          .map(([logStreamName, creationTime]) => ({ logStreamName, creationTime })),
      }),
    },
  }
}

/** Events a page. */
const PAGE = 10_000

function eventOperations(logs: Logs): Record<string, Operation> {
  return {
    PutLogEvents: {
      questions: ask(logs, 'logs:PutLogEvents'),
      run: (input: PutLogEventsCommandInput, call) => {
        const group = requireGroup(logs, input.logGroupName ?? '', call.region)
        const stream = input.logStreamName ?? ''
        if (!(stream in group.streams)) {
          throw new WireError('ResourceNotFoundException', 'The specified log stream does not exist.')
        }
        const lines = (input.logEvents ?? []).map(({ timestamp = 0, message = '' }) => ({
          at: timestamp,
          message,
        }))
        append(logs, group, stream, lines)
        return { nextSequenceToken: String(logs.clock()) }
      },
    },
    GetLogEvents: {
      questions: ask(logs, 'logs:GetLogEvents'),
      run: (input: GetLogEventsCommandInput, call) => {
        const group = requireGroup(logs, groupName(input as Named), call.region)
        const events = read(logs, group).filter(
          event => event.stream === input.logStreamName && isWithin(event, input.startTime, input.endTime),
        )
        const from = input.nextToken
          ? Number(input.nextToken.slice(2))
          : input.startFromHead
            ? 0
            : Math.max(0, events.length - PAGE)
        const page = events.slice(from, from + (input.limit ?? PAGE))
        return {
          events: page.map(({ at, received, message }) => ({
            timestamp: at,
            ingestionTime: received,
            message,
          })),
          nextForwardToken: `f/${from + page.length}`,
          nextBackwardToken: `b/${from}`,
        }
      },
    },
    FilterLogEvents: {
      questions: ask(logs, 'logs:FilterLogEvents'),
      run: (input: FilterLogEventsCommandInput, call) => {
        const group = requireGroup(logs, groupName(input as Named), call.region)
        const passes = readFilter(input.filterPattern ?? '')
        const found = read(logs, group)
          .filter(event => isWithin(event, input.startTime, input.endTime) && passes(event.message))
          .filter(({ stream }) => input.logStreamNames === undefined || input.logStreamNames.includes(stream))
          .filter(({ stream }) => stream.startsWith(input.logStreamNamePrefix ?? ''))
        const from = Number(input.nextToken ?? 0)
        const end = from + Math.min(input.limit ?? PAGE, PAGE)
        return {
          events: found.slice(from, end).map(({ stream, at, received, message }, index) => ({
            logStreamName: stream,
            timestamp: at,
            ingestionTime: received,
            message,
            eventId: String(from + index),
          })),
          searchedLogStreams: [],
          ...(end < found.length && { nextToken: String(end) }),
        }
      },
    },
  }
}

const isWithin = ({ at }: LogEvent, start: number | undefined, end: number | undefined) =>
  at >= (start ?? 0) && at < (end ?? Number.POSITIVE_INFINITY)
