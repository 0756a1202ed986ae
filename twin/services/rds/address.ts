import { openEndpoint } from '../../postgres/endpoint.ts'
import { allowReplication } from '../../postgres/rights.ts'
import { groupValues } from './configuration.ts'
import { findByResourceId, type Rds, update } from './context.ts'
import type { Host } from './hosts.ts'
import { tagContext } from './questions.ts'
import type { InstanceRecord } from './records.ts'

/** Opens an instance's endpoint, at the port that it had before if that is free. Harmless when it is open. */
export async function openAddress(rds: Rds, host: Host, resourceId: string): Promise<void> {
  if (host.endpoint) return
  const record = findByResourceId(rds, resourceId)
  if (!record) return
  const current = () => findByResourceId(rds, resourceId)
  const rules = {
    region: record.region,
    certificate: rds.options.certificate,
    names: [addressName(record)],
    backend: () => (host.cluster?.isRunning() ? host.cluster : undefined),
    forceSsl: () => isSslForced(rds, current()),
    iamEnabled: () => current()?.shown.IAMDatabaseAuthenticationEnabled ?? false,
    findKey: rds.options.findKey,
    mayConnect: (principal: Parameters<Rds['options']['mayConnect']>[0], user: string) =>
      rds.options.mayConnect(
        principal,
        `arn:aws:rds-db:${record.region}:${rds.options.account}:dbuser:${resourceId}/${user}`,
        // As they are at this login: a tag that is taken away shuts the door at once.
        tagContext('aws:ResourceTag', current()?.tags),
      ),
    prepareReplication: async (user: string) => (host.cluster ? allowReplication(host.cluster, user) : false),
    log: (line: string) => rds.log(`${record.id}: ${line}`),
  }
  // Clients keep the address over restarts of the twin; only when another program took the port is there a new one.
  host.endpoint = await openEndpoint(rules, record.hostPort).catch(error => {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error
    return openEndpoint(rules)
  })
  if (rds.faults.lostRegions.has(record.region)) host.endpoint.setReachable(false)
  update(rds, resourceId, () => ({ hostPort: host.endpoint?.port ?? 0 }))
}

/** Dynamic: the group's value counts at once, unless the instance waits for a reboot to take the group on. */
function isSslForced(rds: Rds, record: InstanceRecord | undefined): boolean {
  if (!record) return true
  const isCurrent = record.applied.group === record.parameterGroup
  const values = isCurrent ? groupValues(rds, record) : record.applied.values
  return /^(1|on|true)$/i.test(values['rds.force_ssl']?.value ?? '1')
}

/** The name that RDS would give the instance; certificates are valid for it, and no DNS knows it. */
const addressName = (record: Pick<InstanceRecord, 'id' | 'region'>) =>
  `${record.id}.twin.${record.region}.rds.amazonaws.com`
