import type { ResourceRecordSet } from '@aws-sdk/client-route-53'

/** Names as Route 53 keeps them: lower case, with the last dot. */
export const absolute = (name: string): string => {
  const lower = name.toLowerCase()
  return lower.endsWith('.') ? lower : `${lower}.`
}

export type Lookup = {
  readonly records: readonly ResourceRecordSet[]
  /** Whether a health check passes now. */
  readonly isHealthy: (healthCheckId: string) => boolean
  /** Between 0 and 1; chooses among weighted records. */
  readonly random: () => number
}

const isAnswering = (record: ResourceRecordSet, lookup: Lookup) =>
  !record.HealthCheckId || lookup.isHealthy(record.HealthCheckId)

/**
 * The record set that answers for a name: weighted sets by weight among the healthy, failover sets PRIMARY first. When
 * none is healthy all answer, as Route 53 does.
 */
function chooseRecord(name: string, type: string, lookup: Lookup): ResourceRecordSet | undefined {
  const wanted = absolute(name)
  const all = lookup.records.filter(
    record => absolute(record.Name ?? '') === wanted && (record.Type === type || record.Type === 'CNAME'),
  )
  const healthy = all.filter(record => isAnswering(record, lookup))
  const candidates = healthy.length > 0 ? healthy : all
  const primary = candidates.find(record => record.Failover === 'PRIMARY')
  if (primary) return primary
  const weighted = candidates.filter(record => record.Weight !== undefined)
  return weighted.length > 0 ? byWeight(weighted, lookup.random()) : candidates[0]
}

function byWeight(records: readonly ResourceRecordSet[], chance: number): ResourceRecordSet | undefined {
  const total = records.reduce((sum, { Weight = 0 }) => sum + Weight, 0)
  // Only zero weights are left: all of them count the same.
  if (total === 0) return records[Math.floor(chance * records.length)]
  let left = chance * total
  return records.find(({ Weight = 0 }) => {
    left -= Weight
    return left < 0
  })
}

/** Values of a name, following aliases and CNAMEs inside the zone; empty when nothing answers. */
export function answer(name: string, type: string, lookup: Lookup, depth = 0): string[] {
  const record = chooseRecord(name, type, lookup)
  if (!record || depth > 8) return []
  if (record.AliasTarget) {
    const target = record.AliasTarget.DNSName ?? ''
    const found = answer(target, type, lookup, depth + 1)
    return found.length > 0 ? found : [target]
  }
  return (record.ResourceRecords ?? []).map(({ Value = '' }) => Value)
}
