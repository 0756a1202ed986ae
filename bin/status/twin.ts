import type { TwinStatus } from '../../twin/control/status.ts'
import { paint, table } from '../terminal.ts'

/** What a running twin is made of at this moment: its databases, and how much else; all of it when asked for. */
export function twinScreen(seen: TwinStatus, all: boolean): string {
  const rest = all
    ? [functionTable(seen), ...executionTable(seen), bucketTable(seen), scheduleLine(seen), countLine(seen)]
    : [scheduleLine(seen), summaryLine(seen)]
  return [...warningsOf(seen), instanceTable(seen), ...rest].join('\n\n')
}

function summaryLine({ functions, buckets, executions }: TwinStatus): string {
  const running = executions.filter(({ status }) => status === 'RUNNING').length
  return `${functions.length} functions, ${buckets.length} buckets, ${running} drills under way: holdfast status --all`
}

function warningsOf({ faults, lostRegions }: TwinStatus): string[] {
  const lines = []
  if (lostRegions.length > 0) lines.push(`${lostRegions.join(', ')} is lost`)
  if (faults > 0)
    lines.push(`${faults} ${faults === 1 ? 'fault is' : 'faults are'} active: holdfast fault list`)
  return lines.length === 0 ? [] : [paint('yellow', lines.join('\n'))]
}

function instanceTable({ instances, lostRegions }: TwinStatus): string {
  return table(
    ['instance', 'region', 'status', 'address', 'follows', 'until'],
    instances.map(instance => [
      instance.name,
      instance.region,
      lostRegions.includes(instance.region)
        ? paint('red', 'lost')
        : paint(instance.status === 'available' ? 'green' : 'yellow', instance.status),
      instance.address,
      instance.follows?.split(':').at(-1) ?? '',
      instance.restorable?.slice(11, 19) ?? '',
    ]),
  )
}

function functionTable({ functions }: TwinStatus): string {
  return table(
    ['function', 'region', 'kind', 'versions', 'processes'],
    functions.map(({ name, region, durable, versions, processes }) => [
      name,
      region,
      durable ? 'durable' : 'function',
      versions,
      processes,
    ]),
  )
}

function executionTable({ executions }: TwinStatus): string[] {
  if (executions.length === 0) return []
  return [
    table(
      ['execution', 'status', 'started'],
      executions.map(({ arn, status, startedAt }) => [
        arn.split('/durable-execution/')[1] ?? arn,
        paint(status === 'SUCCEEDED' ? 'green' : status === 'RUNNING' ? 'cyan' : 'red', status),
        startedAt,
      ]),
    ),
  ]
}

function bucketTable({ buckets }: TwinStatus): string {
  return table(
    ['bucket', 'region', 'object lock'],
    buckets.map(({ name, region, objectLock }) => [name, region, objectLock ? 'on' : '']),
  )
}

function scheduleLine({ schedules }: TwinStatus): string {
  if (schedules.paused) return `${schedules.count} schedules, ${paint('yellow', 'paused')}`
  return `${schedules.count} schedules, the next at ${schedules.next ?? 'no time'}`
}

function countLine({ types }: TwinStatus): string {
  const of = (kind: string) => types.filter(type => type.kind === kind)
  const sum = (kind: string) => of(kind).reduce((total, { count }) => total + count, 0)
  const recorded = of('recorded').map(({ type, count }) => `${type} ${count}`)
  return `${sum('real')} resources are real, ${sum('recorded')} are only recorded:\n${paint('dim', recorded.join(', '))}`
}
