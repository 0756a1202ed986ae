import { parentPort, workerData } from 'node:worker_threads'
import { DescribeDBInstancesCommand, RDSClient } from '@aws-sdk/client-rds'

const { endpoint, region, accessKeyId, secretAccessKey, calls, clients } = workerData as {
  endpoint: string
  region: string
  accessKeyId: string
  secretAccessKey: string
  calls: number
  clients: number
}

const rds = new RDSClient({ region, endpoint, credentials: { accessKeyId, secretAccessKey } })
const latencies: number[] = []
let left = calls
const started = performance.now()
await Promise.all(
  Array.from({ length: clients }, async () => {
    while (left-- > 0) {
      const at = performance.now()
      await rds.send(new DescribeDBInstancesCommand({}))
      latencies.push(performance.now() - at)
    }
  }),
)
parentPort?.postMessage({ latencies, seconds: (performance.now() - started) / 1000 })
