import type { DBInstance } from '@aws-sdk/client-rds'
import type { Parts } from './parts.ts'

/** One database instance as a person sees it. */
export type ShownInstance = {
  readonly name: string
  readonly region: string
  readonly status: string
  readonly engine: string
  readonly address: string
  /** The instance that it follows. */
  readonly follows: string | undefined
  readonly restorable: string | undefined
}

/** What a running twin is, for `holdfast status`. */
export type TwinStatus = {
  readonly instances: readonly ShownInstance[]
  readonly functions: readonly {
    readonly name: string
    readonly region: string
    readonly durable: boolean
    readonly versions: number
    readonly processes: number
  }[]
  readonly executions: readonly {
    readonly arn: string
    readonly function: string
    readonly status: string
    readonly startedAt: string
  }[]
  readonly buckets: readonly {
    readonly name: string
    readonly region: string
    readonly objectLock: boolean
  }[]
  readonly schedules: { readonly paused: boolean; readonly count: number; readonly next: string | undefined }
  readonly types: readonly { readonly type: string; readonly kind: string; readonly count: number }[]
  readonly faults: number
  readonly lostRegions: readonly string[]
}

const SHOWN_EXECUTIONS = 20

/** Reads what the twin is at this moment. */
export async function readStatus(parts: Parts): Promise<TwinStatus> {
  const { lambda, scheduler, resources, faults, lost } = parts
  const processes = lambda.runner.pool.processes()
  const nexts = scheduler.all().map(({ next }) => next ?? Number.POSITIVE_INFINITY)
  const next = Math.min(...nexts)
  return {
    instances: (await Promise.all(parts.regions.map(region => instancesOf(parts, region)))).flat(),
    functions: lambda.functions.all().map(({ name, region, latest, versions }) => ({
      name,
      region,
      durable: latest.durability !== undefined,
      versions: Object.keys(versions).length,
      processes: processes.filter(({ key }) => key.startsWith(`${region}/${name}:`)).length,
    })),
    executions: lambda.engine
      .all()
      .slice(-SHOWN_EXECUTIONS)
      .map(({ head, ending }) => ({
        arn: head.arn,
        function: head.functionName,
        status: ending?.status ?? 'RUNNING',
        startedAt: head.startedAt.toISOString(),
      })),
    buckets: resources
      .values()
      .filter(({ type }) => type === 'AWS::S3::Bucket')
      .map(({ ref, region, properties }) => ({
        name: String(ref),
        region,
        objectLock: properties.ObjectLockEnabled === true,
      })),
    schedules: {
      paused: scheduler.paused,
      count: nexts.length,
      next: Number.isFinite(next) && !scheduler.paused ? new Date(next).toISOString() : undefined,
    },
    types: typesOf(parts),
    faults: faults.list().length,
    lostRegions: [...lost],
  }
}

async function instancesOf({ api }: Parts, region: string): Promise<ShownInstance[]> {
  const { DBInstances } = await api('rds', region, 'DescribeDBInstances', {})
  return (DBInstances as DBInstance[]).map(instance => ({
    name: String(instance.DBInstanceIdentifier),
    region,
    status: String(instance.DBInstanceStatus),
    engine: `${instance.Engine} ${instance.EngineVersion}`,
    address: instance.Endpoint ? `${instance.Endpoint.Address}:${instance.Endpoint.Port}` : '',
    follows: instance.ReadReplicaSourceDBInstanceIdentifier,
    restorable: instance.LatestRestorableTime?.toISOString(),
  }))
}

function typesOf({ resources }: Parts): TwinStatus['types'] {
  const counts = new Map<string, { type: string; kind: string; count: number }>()
  for (const { type, kind } of resources.values()) {
    const known = counts.get(type) ?? { type, kind, count: 0 }
    counts.set(type, { ...known, count: known.count + 1 })
  }
  return [...counts.values()].sort((a, b) => b.kind.localeCompare(a.kind) || a.type.localeCompare(b.type))
}
