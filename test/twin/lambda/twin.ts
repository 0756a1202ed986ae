import { join } from 'node:path'
import { LambdaClient } from '@aws-sdk/client-lambda'
import { createIdentities, type Identity } from '../../../twin/iam/identities.ts'
import type { FunctionSettings } from '../../../twin/lambda/functions.ts'
import { Lambda } from '../../../twin/lambda/lambda.ts'
import { createLambdaService } from '../../../twin/services/lambda/service.ts'
import { openCollection } from '../../../twin/state/collection.ts'
import { startListener } from '../../../twin/wire/listener.ts'
import { assetOf, KEY, SETTINGS } from './fixture.ts'

/** A Lambda service alone behind the twin's listener. `stop` lets its state stay: `startLambda` takes it up again. */
export async function startLambda(folder: string, retryDelays: readonly number[] = [0.05, 0.05]) {
  const identities = createIdentities({
    account: KEY.account,
    store: openCollection<Identity>(join(folder, 'identities.json')),
  })
  const delivered: { target: string; body: string }[] = []
  const reports: string[] = []
  let endpoint = ''
  const lambda = new Lambda({
    account: KEY.account,
    directory: join(folder, 'lambda'),
    logs: join(folder, 'logs'),
    endpoint: () => endpoint,
    caFile: () => '',
    keyOf: role => {
      const { principal, secretAccessKey } = identities.forRole(role)
      return { accessKeyId: principal.accessKeyId, secretAccessKey }
    },
    onLine: () => {},
    putMetric: () => {},
    watch: { started: () => {}, ended: () => {} },
    judge: () => {},
    deliver: async (target, body) => {
      delivered.push({ target, body })
    },
    retryDelays,
    report: text => reports.push(text),
  })
  const bugs: unknown[] = []
  const listener = await startListener({
    services: [createLambdaService(lambda)],
    account: KEY.account,
    identities,
    authorize: () => {},
    onBug: error => bugs.push(error),
  })
  endpoint = listener.url
  const root = identities.root()
  const client = new LambdaClient({
    region: KEY.region,
    endpoint,
    credentials: { accessKeyId: root.principal.accessKeyId, secretAccessKey: root.secretAccessKey },
    maxAttempts: 1,
  })
  lambda.resume()
  return {
    lambda,
    client,
    delivered,
    reports,
    bugs,
    endpoint,
    stop: async () => {
      client.destroy()
      await lambda.stop()
      await listener.close()
    },
  }
}

/** The name of the function in its folder, deployed with an alias `live` on a new version. */
export function deployFunction(
  lambda: Lambda,
  folder: string,
  source: string,
  settings: Partial<FunctionSettings> = {},
  name = KEY.name,
): void {
  const key = { ...KEY, name }
  lambda.functions.put(key, assetOf(folder, source, name), { ...SETTINGS, ...settings }, {})
  const { version } = lambda.functions.publish(KEY.region, KEY.account, name)
  const record = lambda.functions.get(KEY.region, KEY.account, name)
  const alias = { name: 'live', version, description: '', weights: {}, revisionId: '' }
  lambda.functions.save({ ...record, aliases: { live: alias } })
}

/** The SDK as a bundle would carry it: resolved from the project. */
export const DURABLE = `import { withDurableExecution } from '@aws/durable-execution-sdk-js'\nimport { appendFileSync, readFileSync, existsSync } from 'node:fs'\n`
