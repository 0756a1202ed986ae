import { mkdirSync } from 'node:fs'
import type {
  FilterLogEventsCommandInput,
  GetLogEventsCommandInput,
  PutLogEventsCommandInput,
} from '@aws-sdk/client-cloudwatch-logs'
import * as schemas from '@aws-sdk/client-cloudwatch-logs'
import { type Operation, type Service, WireError } from '../../wire/call.ts'
import { readFilter } from './filter.ts'
import {
  addStream,
  append,
  arnOf,
  ask,
  groupName,
  type LogEvent,
  type LogGroup,
  type Logs,
  type LogsDependencies,
  type Named,
  newGroup,
  read,
  requireGroup,
} from './groups.ts'

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
