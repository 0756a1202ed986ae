/**
 * RDS calls a second through the wire and the p99 of DescribeDBInstances: with the stock SDK client, and of the twin
 * alone.
 * `npx node bench/rds-calls.ts [--calls 5000] [--clients 8] [--instances 6]`
 */
import { once } from 'node:events'
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { cpus, loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { Worker } from 'node:worker_threads'
import { CreateDBInstanceCommand, DescribeDBInstancesCommand, RDSClient } from '@aws-sdk/client-rds'
import { createIdentities } from '../twin/iam/identities.ts'
import { openAuthority } from '../twin/postgres/authority.ts'
import { createRds } from '../twin/services/rds/rds.ts'
import { startListener } from '../twin/wire/listener.ts'
import type { Orders } from './rds-calls/caller.ts'

const { values } = parseArgs({
  options: {
    calls: { type: 'string', default: '5000' },
    clients: { type: 'string', default: '8' },
    instances: { type: 'string', default: '6' },
  },
})
const REGION = 'us-east-1'
const ACCOUNT = '111122223333'
const root = mkdtempSync(join(tmpdir(), 'holdfast-bench-'))
chmodSync(root, 0o711)
const store = new Map()
const identities = createIdentities({
  account: ACCOUNT,
  store: {
    get: key => store.get(key),
    set: (key, value) => store.set(key, value),
    values: () => [...store.values()],
  },
})
const authority = await openAuthority(join(root, 'tls'), [REGION])
const twin = createRds({
  root,
  account: ACCOUNT,
  regions: [REGION],
  certificate: authority.server,
  findKey: identities.find,
  mayConnect: () => true,
})
const listener = await startListener({
  services: [twin.service],
  account: ACCOUNT,
  identities,
  authorize: () => {},
})
await twin.open()
const { principal, secretAccessKey } = identities.root()
const rds = new RDSClient({
  region: REGION,
  endpoint: listener.url,
  credentials: { accessKeyId: principal.accessKeyId, secretAccessKey },
})

try {
  const ids = Array.from({ length: Number(values.instances) }, (_, index) => `bench-${index}`)
  for (const DBInstanceIdentifier of ids)
    await rds.send(
      new CreateDBInstanceCommand({
        DBInstanceIdentifier,
        Engine: 'postgres',
        DBInstanceClass: 'db.r6g.large',
        MasterUsername: 'master',
        MasterUserPassword: 'correct-horse',
        BackupRetentionPeriod: 0,
      }),
    )
  const areMade = async () =>
    (await rds.send(new DescribeDBInstancesCommand({}))).DBInstances?.every(
      each => each.DBInstanceStatus === 'available',
    )
  while (!(await areMade())) await sleep(50)

  const measured = []
  for (const mode of ['sdk', 'wire'] as const) measured.push(await measure(mode))
  process.stdout.write(
    `${JSON.stringify({ bench: 'rds-calls', cpus: cpus().length, load: Number(loadavg()[0]?.toFixed(1)), instances: ids.length, clients: Number(values.clients), ...Object.assign({}, ...measured) })}\n`,
  )
} finally {
  await listener.close()
  await twin.close()
  rmSync(root, { recursive: true, force: true })
}

// The callers have a thread of their own: what they need to read an answer is not the twin's time.
async function measure(mode: Orders['mode']) {
  const orders: Orders = {
    endpoint: listener.url,
    region: REGION,
    accessKeyId: principal.accessKeyId,
    secretAccessKey,
    calls: Number(values.calls),
    clients: Number(values.clients),
    mode,
  }
  const before = process.threadCpuUsage()
  const worker = new Worker(new URL('./rds-calls/caller.ts', import.meta.url), { workerData: orders })
  const [{ latencies, seconds }] = (await once(worker, 'message')) as [
    { latencies: number[]; seconds: number },
  ]
  const { user, system } = process.threadCpuUsage(before)
  latencies.sort((a, b) => a - b)
  const at = (share: number) => round(latencies[Math.floor(latencies.length * share)] ?? Number.NaN)
  return {
    [mode]: {
      callsPerSecond: Math.round(latencies.length / seconds),
      p50Ms: at(0.5),
      p99Ms: at(0.99),
      // What the twin's thread worked for each call, whatever else the machine did.
      twinCpuMs: round((user + system) / 1000 / latencies.length),
    },
  }
}

function round(value: number): number {
  return Number(value.toFixed(2))
}
