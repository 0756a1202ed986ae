import {
  closeSync,
  existsSync,
  openSync,
  readdirSync,
  readSync,
  rmSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { archivedSegments } from '../../postgres/archive.ts'
import { ballastFile, clusterFolder } from './configuration.ts'
import { findInstance, keyOf, type Rds, update } from './context.ts'

type At = { readonly region: string; readonly instance: string }

/** Things that go wrong on demand. Instances are named as in the API; every hook says what it did. */
export type RdsFaultHooks = {
  /** Kills the PostgreSQL of an instance with SIGKILL. What follows is what RDS would do: failover or recovery. */
  readonly killInstance: (at: At) => Promise<string>
  /** Removes an archived segment: the newest, or the one named. */
  readonly dropSegment: (at: At & { segment?: string }) => string
  /** Flips bytes in the middle of an archived segment: the newest, or the one named. */
  readonly corruptSegment: (at: At & { segment?: string }) => string
  /** Stops an instance, flips bytes in a page of a relation's file, and starts it again. */
  readonly corruptPage: (at: At & { database: string; relation: string; page?: number }) => Promise<string>
  /** Stops the stream to a replica, which goes on answering with what it has. */
  readonly stopReplication: (at: At) => string
  readonly resumeReplication: (at: At) => string
  /** Fills the instance's disk with so many GiB of something else than data; 0 removes it. */
  readonly fillDisk: (at: At & { gib: number }) => string
  /** Milliseconds that every restore waits before it begins, until set to 0. */
  readonly delayRestores: (ms: number) => void
  /** What is restored from now on serves in `storage-initialization`, until this is taken back. */
  readonly holdBlocks: (isHeld: boolean) => void
  /** The next `count` restores end as `incompatible-restore`. */
  readonly failRestores: (count: number) => void
  /** Nothing in the region answers any more; its PostgreSQL dies where it stands. */
  readonly loseRegion: (region: string) => Promise<void>
  readonly returnRegion: (region: string) => Promise<void>
}

const FLIPPED_BYTES = 64

export function createFaultHooks(rds: Rds): RdsFaultHooks {
  const find = ({ region, instance }: At) => findInstance(rds, region, instance)
  const setStopped = (at: At, isReplicationStopped: boolean) => {
    const { resourceId, id, source } = find(at)
    if (!source)
      throw new Error(`${id} follows no other instance\nHINT: holdfast status shows which replicas there are`)
    update(rds, resourceId, () => ({ isReplicationStopped }))
    rds.hosts.reload(resourceId)
    return id
  }
  return {
    killInstance: async at => {
      const { resourceId, id } = find(at)
      await rds.hosts.cluster(resourceId).kill()
      return `killed the PostgreSQL of ${id}`
    },
    dropSegment: at => {
      const file = segmentFile(rds, at)
      rmSync(file)
      return `removed ${file}`
    },
    corruptSegment: at => {
      const file = segmentFile(rds, at)
      // Right behind a segment's own header, and behind that of a packed one: there the records begin.
      flip(file, 48)
      return `flipped ${FLIPPED_BYTES} bytes of ${file}`
    },
    corruptPage: async at => {
      const { resourceId } = find(at)
      const [row] = await rds.hosts
        .cluster(resourceId)
        .query('select pg_catalog.pg_relation_filepath($1::regclass) as path', [at.relation], at.database)
      const file = join(clusterFolder(rds, resourceId), 'data', String(row?.path))
      await rds.hosts.halt(resourceId)
      try {
        // Past the page header and the line pointers, so that the damage is in the rows and not in the page's frame.
        flip(file, (at.page ?? 0) * 8192 + 8192 - 2 * FLIPPED_BYTES)
      } finally {
        await rds.hosts.start(resourceId)
      }
      return `flipped ${FLIPPED_BYTES} bytes of page ${at.page ?? 0} of ${at.relation}`
    },
    stopReplication: at => `stopped the replication of ${setStopped(at, true)}`,
    resumeReplication: at => `resumed the replication of ${setStopped(at, false)}`,
    fillDisk: at => {
      const { resourceId, id } = find(at)
      const file = ballastFile(rds, resourceId)
      rmSync(file, { force: true })
      if (at.gib <= 0) return `the disk of ${id} holds its data only`
      // A file with a hole: it counts for its size and takes no room here.
      writeFileSync(file, '')
      truncateSync(file, at.gib * 1024 ** 3)
      return `${at.gib} GiB of the disk of ${id} are taken`
    },
    delayRestores: ms => {
      rds.faults.restoreDelay = ms
    },
    holdBlocks: isHeld => {
      rds.faults.slowBlocks = isHeld
      if (isHeld) return
      for (const { resourceId } of rds.instances.values())
        update(rds, resourceId, ({ status }) =>
          status === 'storage-initialization' ? { status: 'available' } : {},
        )
    },
    failRestores: count => {
      rds.faults.failRestores = count
    },
    loseRegion: async region => {
      rds.faults.lostRegions.add(region)
      const lost = rds.instances.values().filter(each => each.region === region)
      for (const { resourceId } of lost) rds.hosts.get(resourceId)?.endpoint?.setReachable(false)
      await Promise.all(lost.map(({ resourceId }) => loseHost(rds, resourceId)))
    },
    returnRegion: async region => {
      rds.faults.lostRegions.delete(region)
      const back = rds.instances
        .values()
        .filter(each => each.region === region && each.isMade && each.status !== 'stopped')
      await Promise.all(back.map(({ resourceId }) => rds.hosts.start(resourceId)))
      for (const { resourceId } of back) rds.hosts.get(resourceId)?.endpoint?.setReachable(true)
    },
  }
}

/** Kills without the cut that a failover makes: what was connected hangs. */
async function loseHost(rds: Rds, resourceId: string): Promise<void> {
  const host = rds.hosts.get(resourceId)
  if (!host) return
  host.isMeantToRun = false
  host.client = undefined
  await host.cluster?.kill()
  host.cluster = undefined
}

function segmentFile(rds: Rds, at: At & { segment?: string }): string {
  const record = findInstance(rds, at.region, at.instance)
  const archive = rds.backups.get(keyOf(record.region, record.resourceId))?.archive
  const segment = at.segment ?? (archive ? archivedSegments(archive).at(-1) : undefined)
  const file = [segment, `${segment}.gz`]
    .map(name => join(archive ?? '', name ?? ''))
    .find(path => segment && existsSync(path))
  if (!file || !archive)
    throw new Error(
      `${record.id} has no archived segment ${at.segment ?? ''}\nHINT: its archive holds ${archive ? readdirSync(archive).length : 0} files`,
    )
  return file
}

function flip(file: string, position: number): void {
  const handle = openSync(file, 'r+')
  try {
    const bytes = Buffer.alloc(FLIPPED_BYTES)
    const read = readSync(handle, bytes, 0, FLIPPED_BYTES, position)
    if (read === 0)
      throw new Error(
        `${file} ends before byte ${position}: nothing was damaged\nHINT: choose a page that the relation has`,
      )
    for (let index = 0; index < read; index++) bytes[index] = (bytes[index] ?? 0) ^ 0xff
    writeSync(handle, bytes, 0, read, position)
  } finally {
    closeSync(handle)
  }
}
