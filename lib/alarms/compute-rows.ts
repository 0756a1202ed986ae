import { instanceClass, maxConnections } from '../../config/classes.ts'
import { type AlarmRow, row, type Signal } from './row.ts'
import type { Watched } from './watched.ts'

const AWS = 'AWS, "Recommended alarms", Amazon RDS'
const GIB = 1024 ** 3

/** A metric of one instance, by name and statistic. */
export type Of = (name: string, statistic: string) => Signal

/** Processor, sessions and memory, with bounds from the class. */
export function computeRows({ identifier, instance }: Watched, of: Of): AlarmRow[] {
  const { memoryGiB, vcpus, burstable } = instanceClass(instance)
  const most = maxConnections(instance)
  const rows = [
    row('cpu', of('CPUUtilization', 'Average'), {
      article: 'cpu',
      severity: 'page',
      bad: 'above',
      threshold: 90,
      unit: 'percent',
      when: [5, 5],
      missing: 'missing',
      summary: `${identifier} has no CPU left`,
      derivation: AWS,
      awsRecommends: 'average above 90 %, 5 of 5 minutes',
    }),
    row('cpu-high', of('CPUUtilization', 'Average'), {
      article: 'scale-out',
      severity: 'warn',
      bad: 'above',
      threshold: 70,
      unit: 'percent',
      when: [15, 15],
      missing: 'missing',
      summary: `${identifier} is busy enough that one more replica pays`,
      causes: ['cpu'],
      derivation: 'capacity plan: add a replica above 70 % CPU',
    }),
    row('load', of('DBLoad', 'Average'), {
      article: 'cpu',
      severity: 'warn',
      bad: 'above',
      threshold: vcpus,
      unit: 'sessions',
      when: [15, 15],
      missing: 'missing',
      summary: `more sessions of ${identifier} want to run than it has processors`,
      causes: ['cpu'],
      derivation: `the class ${instance} has ${vcpus} vCPUs`,
      awsRecommends: 'above the number of vCPUs, 15 of 15 minutes',
    }),
    row('connections', of('DatabaseConnections', 'Maximum'), {
      article: 'connections',
      severity: 'page',
      bad: 'above',
      threshold: Math.floor(most * 0.9),
      unit: 'count',
      when: [5, 5],
      missing: 'missing',
      summary: `${identifier} will soon refuse connections`,
      derivation: `90 % of max_connections, which is ${most} on ${instance}`,
      awsRecommends: 'above 90 to 95 % of max_connections, 5 of 5 minutes',
    }),
    row('connections-high', of('DatabaseConnections', 'Maximum'), {
      article: 'connections',
      severity: 'warn',
      bad: 'above',
      threshold: Math.floor(most * 0.8),
      unit: 'count',
      when: [5, 5],
      summary: `${identifier} holds four fifths of the connections it can`,
      causes: ['connections'],
      missing: 'missing',
      derivation: `80 % of max_connections, which is ${most} on ${instance}`,
    }),
    row('memory', of('FreeableMemory', 'Minimum'), {
      article: 'memory',
      severity: 'page',
      bad: 'below',
      threshold: Math.round(memoryGiB * GIB * 0.05),
      unit: 'bytes',
      when: [15, 15],
      missing: 'missing',
      summary: `${identifier} is about to run out of memory`,
      derivation: `5 % of the ${memoryGiB} GiB of ${instance}`,
      awsRecommends: 'below 25 % of the memory, 15 of 15 minutes',
    }),
    row('memory-low', of('FreeableMemory', 'Minimum'), {
      article: 'memory',
      severity: 'warn',
      bad: 'below',
      threshold: Math.round(memoryGiB * GIB * 0.25),
      unit: 'bytes',
      when: [15, 15],
      summary: `${identifier} has less than a quarter of its memory free`,
      causes: ['memory'],
      missing: 'missing',
      derivation: `${AWS}: 25 % of the ${memoryGiB} GiB of ${instance}`,
      awsRecommends: 'below 25 % of the memory, 15 of 15 minutes',
    }),
  ]
  if (!burstable) return rows
  return [
    ...rows,
    row('credits', of('CPUSurplusCreditsCharged', 'Sum'), {
      article: 'credits',
      severity: 'warn',
      bad: 'above',
      threshold: 0,
      unit: 'count',
      when: [3, 3],
      period: 300,
      missing: 'notBreaching',
      summary: `${identifier} runs above its baseline and is billed for it`,
      derivation: `${instance} is burstable; a charged credit means a day's earnings are spent`,
    }),
  ]
}
