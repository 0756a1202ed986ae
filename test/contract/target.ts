import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type DBInstance, DescribeDBInstancesCommand, RDSClient } from '@aws-sdk/client-rds'
import pg from 'pg'
import { createIdentities, type Identity } from '../../twin/iam/identities.ts'
import { openAuthority } from '../../twin/postgres/authority.ts'
import type { RdsEvent, RdsMetric, RdsOptions } from '../../twin/services/rds/options.ts'
import { createRds, type TwinRds } from '../../twin/services/rds/rds.ts'
import { startListener } from '../../twin/wire/listener.ts'

/** What the suite speaks to: the twin, or with `HOLDFAST_TARGET=aws` a real account with credentials from the environment. */
export type Target = {
  readonly isTwin: boolean
  readonly home: string
  readonly standby: string
  /** A client of this region. */
  readonly rds: (region?: string) => RDSClient
  /** Connects to an instance over verified TLS. The caller ends it. */
  readonly connect: (
    instance: DBInstance,
    login: { user: string; password: string; database: string },
  ) => Promise<pg.Client>
  /** What only the twin can say; undefined on AWS. */
  readonly twin?: {
    readonly rds: () => TwinRds
    readonly root: string
    readonly events: RdsEvent[]
    readonly metrics: RdsMetric[]
    readonly objects: Map<string, Uint8Array>
    /** Stops RDS and starts it again on the same folder, as a new life of the twin. */
    readonly restart: () => Promise<void>
  }
  readonly close: () => Promise<void>
}

const ACCOUNT = '111122223333'

/** Opens the target of this run. */
export async function openTarget(options: Partial<RdsOptions> = {}): Promise<Target> {
  return process.env.HOLDFAST_TARGET === 'aws' ? openAws() : openTwin(options)
}

function openAws(): Target {
  const home = process.env.AWS_REGION ?? 'us-east-1'
  const ca = process.env.HOLDFAST_RDS_CA ? readFileSync(process.env.HOLDFAST_RDS_CA, 'utf8') : undefined
  return {
    isTwin: false,
    home,
    standby: process.env.HOLDFAST_STANDBY_REGION ?? 'us-west-2',
    rds: (region = home) => new RDSClient({ region }),
    connect: (instance, login) => open(instance, login, ca),
    close: async () => {},
  }
}

async function openTwin(options: Partial<RdsOptions>): Promise<Target> {
  const root = mkdtempSync(join(tmpdir(), 'holdfast-contract-'))
  // PostgreSQL's account passes through.
  chmodSync(root, 0o711)
  const [home, standby] = ['us-east-1', 'us-west-2']
  const kept = new Map<string, Identity>()
  const identities = createIdentities({
    account: ACCOUNT,
    store: {
      get: key => kept.get(key),
      set: (key, value) => kept.set(key, value),
      values: () => [...kept.values()],
    },
  })
  const authority = await openAuthority(join(root, 'tls'), [home, standby])
  const events: RdsEvent[] = []
  const metrics: RdsMetric[] = []
  const objects = new Map<string, Uint8Array>()
  const make = () =>
    createRds({
      root,
      account: ACCOUNT,
      regions: [home, standby],
      certificate: authority.server,
      findKey: identities.find,
      mayConnect: () => true,
      restorableLag: 1000,
      metricInterval: 1000,
      emitEvent: event => events.push(event),
      emitMetric: metric => metrics.push(metric),
      putObject: async ({ bucket, key, body }) => {
        objects.set(`${bucket}/${key}`, body)
      },
      log: line => {
        if (process.env.HOLDFAST_LOG) process.stderr.write(`${line}\n`)
      },
      ...options,
    })
  let rds = make()
  // The listener keeps the service that it began with: a new life is reached through it by name.
  const operations = Object.fromEntries(
    Object.keys(rds.service.operations).map(name => [
      name,
      {
        questions: (...args: Parameters<(typeof rds.service.operations)[string]['questions']>) =>
          rds.service.operations[name]!.questions(...args),
        run: (...args: Parameters<(typeof rds.service.operations)[string]['run']>) =>
          rds.service.operations[name]!.run(...args),
      },
    ]),
  )
  const bugs: unknown[] = []
  const listener = await startListener({
    services: [{ ...rds.service, operations }],
    account: ACCOUNT,
    identities,
    authorize: () => {},
    onBug: error => bugs.push(error),
  })
  await rds.open()
  const { principal, secretAccessKey } = identities.root()
  const credentials = { accessKeyId: principal.accessKeyId, secretAccessKey }
  return {
    isTwin: true,
    home,
    standby,
    rds: (region = home) => new RDSClient({ region, endpoint: listener.url, credentials, maxAttempts: 1 }),
    connect: (instance, login) => open(instance, login, authority.server.ca),
    twin: {
      rds: () => rds,
      root,
      events,
      metrics,
      objects,
      restart: async () => {
        await rds.close()
        rds = make()
        await rds.open()
      },
    },
    close: async () => {
      await listener.close()
      await rds.close()
      rmSync(root, { recursive: true, force: true })
      if (bugs.length > 0) throw bugs[0]
    },
  }
}

async function open(
  instance: DBInstance,
  login: { user: string; password: string; database: string },
  ca: string | undefined,
): Promise<pg.Client> {
  const client = new pg.Client({
    ...login,
    host: instance.Endpoint?.Address,
    port: instance.Endpoint?.Port,
    ssl: { rejectUnauthorized: true, ...(ca ? { ca } : {}) },
    connectionTimeoutMillis: 10_000,
  })
  client.on('error', () => {})
  await client.connect()
  return client
}

/** Polls until `look` answers something; on AWS it may take long. */
export async function until<T>(look: () => Promise<T | undefined | false>, seconds = 60): Promise<T> {
  const deadline = Date.now() + seconds * 1000
  for (;;) {
    const found = await look()
    if (found) return found
    if (Date.now() > deadline) throw new Error('waited in vain')
    await sleep(100)
  }
}

/** The description of one instance. */
export async function describe(client: RDSClient, id: string): Promise<DBInstance> {
  const { DBInstances = [] } = await client.send(new DescribeDBInstancesCommand({ DBInstanceIdentifier: id }))
  return DBInstances[0]!
}

/** Waits until an instance has this status, and fails at once when it has one that it cannot leave. */
export function untilStatus(
  client: RDSClient,
  id: string,
  status: string,
  seconds = 60,
): Promise<DBInstance> {
  return until(async () => {
    const instance = await describe(client, id)
    if (instance.DBInstanceStatus === status) return instance
    if (/^(failed|incompatible-.*)$/.test(instance.DBInstanceStatus ?? ''))
      throw new Error(`${id} is ${instance.DBInstanceStatus}`)
    return undefined
  }, seconds)
}
