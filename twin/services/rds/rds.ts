import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import * as schemas from '@aws-sdk/client-rds'
import { makePrivateFolder } from '../../postgres/account.ts'
import type { Service } from '../../wire/call.ts'
import { automatedBackupOperations } from './automated-backups.ts'
import { keyOf, openCollections, type Rds, type RdsFaults } from './context.ts'
import { finishDeletion } from './deleting.ts'
import { eventOperations } from './events.ts'
import { exportOperations } from './exports.ts'
import { createFaultHooks, type RdsFaultHooks } from './faults.ts'
import { createHosts } from './hosts.ts'
import { instanceOperations } from './instances.ts'
import { logFileOperations } from './log-files.ts'
import type { RdsOptions } from './options.ts'
import { parameterGroupOperations } from './parameter-groups.ts'
import { proxyOperations } from './proxies.ts'
import { createProxyFronts } from './proxy-fronts.ts'
import { replicaOperations } from './replicas.ts'
import { restoreOperations } from './restoring.ts'
import { resume } from './resuming.ts'
import { snapshotOperations } from './snapshots.ts'
import { subnetGroupOperations } from './subnet-groups.ts'
import { tagOperations } from './tags.ts'
import { watchWindows } from './windows.ts'

/** RDS of a twin: the service for the wire, and what the twin itself does with it. */
export type TwinRds = {
  readonly service: Service
  /** Starts what was running when the twin last stopped or died, and finishes what it was in the middle of. */
  readonly open: () => Promise<void>
  /** Stops every PostgreSQL and closes every address. The files stay. */
  readonly close: () => Promise<void>
  readonly faults: RdsFaultHooks
  /** Removes an instance that the twin's end cut off in its making: it has never held anything. Others stay. */
  readonly discardUnfinished: (region: string, identifier: string) => Promise<void>
}

/** RDS over the folder `<root>`; nothing runs before `open`. */
export function createRds(options: RdsOptions): TwinRds {
  // PostgreSQL's account passes through the folder above its own; only its own are private.
  mkdirSync(options.root, { recursive: true, mode: 0o711 })
  for (const name of ['clusters', 'backups', 'snapshots']) makePrivateFolder(join(options.root, name))
  const faults: RdsFaults = { restoreDelay: 0, slowBlocks: false, failRestores: 0, lostRegions: new Set() }
  const rds: Rds = {
    options,
    now: options.clock ?? Date.now,
    ...openCollections(options.root),
    hosts: createHosts(() => rds),
    fronts: createProxyFronts(() => rds),
    faults,
    behind: new Set(),
    log: options.log ?? (() => {}),
  }
  const operations = {
    ...instanceOperations(rds),
    ...snapshotOperations(rds),
    ...restoreOperations(rds),
    ...replicaOperations(rds),
    ...automatedBackupOperations(rds),
    ...parameterGroupOperations(rds),
    ...subnetGroupOperations(rds),
    ...tagOperations(rds),
    ...eventOperations(rds),
    ...exportOperations(rds),
    ...proxyOperations(rds),
    ...logFileOperations(rds),
  }
  let windows: NodeJS.Timeout | undefined
  return {
    service: { name: 'rds', schemas, protocol: 'query', operations },
    open: async () => {
      await resume(rds)
      await rds.fronts.open()
      windows = watchWindows(rds)
    },
    close: async () => {
      clearInterval(windows)
      await rds.fronts.close()
      await Promise.all(rds.behind)
      await rds.hosts.closeAll()
    },
    faults: createFaultHooks(rds),
    discardUnfinished: async (region, identifier) => {
      const record = rds.instances.get(keyOf(region, identifier.toLowerCase()))
      if (record && !record.isMade && record.status === 'failed') await finishDeletion(rds, record, false)
    },
  }
}
