/**
 * RDS calls a second through the wire and the p99 of DescribeDBInstances: with the stock SDK client, and of the twin
 * alone.
 * `npx node bench/rds-calls.ts [--calls 5000] [--clients 8] [--instances 6]`
 */
import { once } from 'node:events'
import { cpus, loadavg } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { Worker } from 'node:worker_threads'
import { CreateDBInstanceCommand, DescribeDBInstancesCommand } from '@aws-sdk/client-rds'
import type { Orders } from './rds-calls/caller.ts'
import { openRdsLab } from './rds-lab.ts'

const { values } = parseArgs({
  options: {
    calls: { type: 'string', default: '5000' },
    clients: { type: 'string', default: '8' },
    instances: { type: 'string', default: '6' },
  },
})
const lab = await openRdsLab()
const { rds } = lab

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
  await lab.close()
}

// The callers have a thread of their own: what they need to read an answer is not the twin's time.
async function measure(mode: Orders['mode']) {
  const orders: Orders = {
    endpoint: lab.options.endpoint,
    region: lab.options.region,
    ...lab.options.credentials,
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
