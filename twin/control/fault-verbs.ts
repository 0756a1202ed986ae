import { type Fault, matches } from '../wire/faults.ts'
import type { Parts } from './parts.ts'
import type { Verb } from './server.ts'

/** What can be done to a running twin, by its name. `instance` and `region` are named as in the API. */
export type Injury =
  | { readonly kind: 'kill-instance'; readonly instance: string; readonly region?: string }
  | { readonly kind: 'kill-function'; readonly name: string }
  | {
      readonly kind: 'drop-wal' | 'corrupt-wal'
      readonly instance: string
      readonly region?: string
      readonly segment?: string
    }
  | {
      readonly kind: 'corrupt-page'
      readonly instance: string
      readonly region?: string
      readonly database: string
      readonly relation: string
      readonly page?: number
    }
  | {
      readonly kind: 'stop-replication' | 'resume-replication'
      readonly instance: string
      readonly region?: string
    }
  | { readonly kind: 'fill-disk'; readonly instance: string; readonly region?: string; readonly gib: number }
  | { readonly kind: 'delay-restores'; readonly seconds: number }
  | { readonly kind: 'fail-restores'; readonly count: number }
  | {
      readonly kind: 'drop-object' | 'corrupt-object'
      readonly bucket: string
      readonly key: string
      readonly version?: string
    }
  | { readonly kind: 'lose-region' | 'return-region'; readonly region: string }
  | { readonly kind: 'skew-clock'; readonly seconds: number }

/** Faults of calls, which wait for their moment, and injuries, which happen at once. */
export function faultVerbs(parts: Parts): Record<string, Verb> {
  const { faults } = parts
  return {
    'fault-add': (fault: Fault) => {
      checkFault(parts, fault)
      return { id: faults.add(fault) }
    },
    'fault-list': () => faults.list(),
    'fault-clear': ({ id }: { id?: string }) => {
      if (id !== undefined && !faults.list().some(fault => fault.id === id))
        throw new Error(`there is no fault ${id}\nHINT: holdfast fault list`)
      faults.clear(id)
      if (id === undefined) skewClock(parts, 0)
      return null
    },
    injure: (injury: Injury) => injure(parts, injury),
  }
}

// A fault that can touch no call would pass for a fault that was survived.
function checkFault({ services, regions }: Parts, { service, operation, region, times }: Fault): void {
  const names = services.map(({ name }) => name).sort()
  const meant = services.filter(({ name }) => service === undefined || matches(service, name))
  if (meant.length === 0)
    throw new Error(`the twin has no service ${service}\nHINT: it has ${names.join(', ')}`)
  if (region !== undefined && !regions.some(each => matches(region, each)))
    throw new Error(`the twin has no region ${region}\nHINT: it has ${regions.join(', ')}`)
  const operations = meant.flatMap(({ operations }) => Object.keys(operations))
  if (operation !== undefined && !operations.some(each => matches(operation, each)))
    throw new Error(
      `${service ?? 'no service of the twin'} has ${service ? 'no' : 'an'} operation ${operation}\nHINT: ${nearest(operation, operations)}`,
    )
  if (times !== undefined && !(Number.isInteger(times) && times > 0))
    throw new Error(
      `a fault cannot touch ${times} calls\nHINT: give a whole number from 1, or none for all calls`,
    )
}

// What a person may have meant: the operations that share a word with what they wrote.
function nearest(operation: string, all: readonly string[]): string {
  const words = operation.match(/[A-Z]?[a-z]+/g)?.map(word => word.toLowerCase()) ?? []
  const like = all.filter(name => words.some(word => word.length > 3 && name.toLowerCase().includes(word)))
  return `it has ${(like.length > 0 ? like : all).slice(0, 12).join(', ')}`
}

async function injure(parts: Parts, injury: Injury): Promise<string> {
  const { rds, s3, lost, faults } = parts
  switch (injury.kind) {
    case 'kill-instance':
      return rds.faults.killInstance(await locate(parts, injury))
    case 'drop-wal':
      return rds.faults.dropSegment({ ...(await locate(parts, injury)), ...segmentOf(injury) })
    case 'corrupt-wal':
      return rds.faults.corruptSegment({ ...(await locate(parts, injury)), ...segmentOf(injury) })
    case 'corrupt-page':
      return rds.faults.corruptPage({
        ...(await locate(parts, injury)),
        database: injury.database,
        relation: injury.relation,
        ...(injury.page === undefined ? {} : { page: injury.page }),
      })
    case 'stop-replication':
      return rds.faults.stopReplication(await locate(parts, injury))
    case 'resume-replication':
      return rds.faults.resumeReplication(await locate(parts, injury))
    case 'fill-disk':
      return rds.faults.fillDisk({ ...(await locate(parts, injury)), gib: injury.gib })
    case 'delay-restores':
      rds.faults.delayRestores(injury.seconds * 1_000)
      return `every restore waits ${injury.seconds} s`
    case 'fail-restores':
      rds.faults.failRestores(injury.count)
      return `the next ${injury.count} restores fail`
    case 'drop-object':
      s3.dropObject(injury.bucket, injury.key, injury.version)
      return `dropped ${injury.key} from ${injury.bucket}`
    case 'corrupt-object':
      s3.corruptObject(injury.bucket, injury.key, injury.version ? { versionId: injury.version } : {})
      return `flipped a byte of ${injury.key} in ${injury.bucket}`
    case 'kill-function':
      return killFunction(parts, injury.name)
    case 'lose-region':
      return loseRegion(parts, injury.region)
    case 'return-region':
      checkRegion(parts, injury.region)
      await rds.faults.returnRegion(injury.region)
      lost.delete(injury.region)
      for (const fault of faults.list())
        if (fault.region === injury.region && fault.effect.kind === 'hang') faults.clear(fault.id)
      return `${injury.region} is back`
    case 'skew-clock':
      skewClock(parts, injury.seconds)
      return `the twin's clock is ${injury.seconds} s off`
  }
}

// What is overdue by the clock that was moved happens now.
function skewClock({ faults, scheduler, backup }: Parts, seconds: number): void {
  faults.skewClock(seconds * 1_000)
  scheduler.rearm()
  backup.plans.rearm()
}

function segmentOf(injury: { readonly segment?: string }) {
  return injury.segment === undefined ? {} : { segment: injury.segment }
}

// An instance may be named without its region when only one region has it.
async function locate(
  { api, regions }: Parts,
  { instance, region }: { readonly instance: string; readonly region?: string },
): Promise<{ region: string; instance: string }> {
  if (region !== undefined) return { region, instance }
  for (const where of regions) {
    const { DBInstances } = await api('rds', where, 'DescribeDBInstances', {})
    if (
      DBInstances.some((found: { DBInstanceIdentifier: string }) => found.DBInstanceIdentifier === instance)
    )
      return { region: where, instance }
  }
  throw new Error(`no region has an instance ${instance}\nHINT: holdfast status lists them`)
}

function killFunction({ lambda }: Parts, name: string): string {
  const running = lambda.runner.pool
    .processes()
    .filter(({ key }) => key.toLowerCase().includes(name.toLowerCase()))
  if (running.length === 0)
    throw new Error(
      `no process of a function called ${name} is running\nHINT: holdfast status lists the functions`,
    )
  for (const { pid } of running) process.kill(pid, 'SIGKILL')
  return `killed ${running.map(({ key, pid }) => `${key} (${pid})`).join(', ')}`
}

function checkRegion({ regions }: Parts, region: string): void {
  if (!regions.includes(region))
    throw new Error(`the twin has no region ${region}\nHINT: it has ${regions.join(', ')}`)
}

async function loseRegion(parts: Parts, region: string): Promise<string> {
  checkRegion(parts, region)
  const { rds, lost, faults } = parts
  lost.add(region)
  // Calls to a lost region are not refused: nobody answers them.
  faults.add({ region, effect: { kind: 'hang' } })
  await rds.faults.loseRegion(region)
  return `${region} is lost`
}
