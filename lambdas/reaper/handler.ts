import { RDSClient } from '@aws-sdk/client-rds'
import { text } from '../runtime/environment.ts'
import { publish } from '../runtime/metrics.ts'
import { ENV, METRICS } from './names.ts'
import { type Reaped, reap } from './reap.ts'

// One drill runs at a time, beside a restore or two: IAM cannot count, so whoever makes more is heard here.
const MOST_STANDING = 3

let rds: RDSClient | undefined

/** Runs every hour, whatever becomes of the drills. Its event is ignored: nothing that is sent here can name a victim. */
export async function handler(): Promise<{ readonly leftovers: readonly Reaped[] }> {
  rds ??= new RDSClient({})
  const name = text(ENV.name)
  const source = text(ENV.source)
  const production = [source, name, `${name}-standby`]
  const leftovers = await reap(rds, name, production, Date.now())
  const count = (outcome: Reaped['outcome']) => leftovers.filter(one => one.outcome === outcome).length
  const standing = leftovers.filter(({ kind, outcome }) => kind === 'instance' && outcome === 'kept').length
  publish({ Environment: name }, [
    { name: METRICS.reaped, value: count('reaped'), unit: 'Count' },
    {
      name: METRICS.overdue,
      value: count('failed') + count('forgotten') + Math.max(0, standing - MOST_STANDING),
      unit: 'Count',
    },
  ])
  return { leftovers }
}
