import { once } from 'node:events'
import { Agent, request } from 'node:http'
import { parentPort, workerData } from 'node:worker_threads'
import { DescribeDBInstancesCommand, RDSClient } from '@aws-sdk/client-rds'

/** What a caller's thread is told. */
export type Orders = {
  readonly endpoint: string
  readonly region: string
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly calls: number
  readonly clients: number
  /**
   * `sdk` calls with the stock client, which spends more time on reading an answer than the twin on giving it;
   * `wire` sends a request that the client signed once, again and again, and reads the bytes.
   */
  readonly mode: 'sdk' | 'wire'
}

const { endpoint, region, accessKeyId, secretAccessKey, calls, clients, mode } = workerData as Orders

const rds = new RDSClient({ region, endpoint, credentials: { accessKeyId, secretAccessKey } })
const agent = new Agent({ keepAlive: true, maxSockets: clients })
const call = mode === 'sdk' ? () => rds.send(new DescribeDBInstancesCommand({})) : await signedOnce()
const latencies: number[] = []
let left = calls
const started = performance.now()
await Promise.all(
  Array.from({ length: clients }, async () => {
    while (left-- > 0) {
      const at = performance.now()
      await call()
      latencies.push(performance.now() - at)
    }
  }),
)
agent.destroy()
parentPort?.postMessage({ latencies, seconds: (performance.now() - started) / 1000 })

type Signed = { method: string; path: string; headers: Record<string, string>; body: string }

async function signedOnce(): Promise<() => Promise<void>> {
  let signed: Signed | undefined
  rds.middlewareStack.add(
    next => args => {
      signed = args.request as Signed
      return next(args)
    },
    { step: 'deserialize', priority: 'low' },
  )
  await rds.send(new DescribeDBInstancesCommand({}))
  if (!signed) throw new Error('the client sent nothing')
  const { method, path, headers, body } = signed
  return async () => {
    const sent = request(new URL(path, endpoint), { method, headers, agent })
    sent.end(body)
    const [response] = await once(sent, 'response')
    if (response.statusCode !== 200) throw new Error(`the twin answered ${response.statusCode}`)
    response.resume()
    await once(response, 'end')
  }
}
