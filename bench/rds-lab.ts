import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type DBInstance, DescribeDBInstancesCommand, RDSClient } from '@aws-sdk/client-rds'
import { createIdentities, type Identity } from '../twin/iam/identities.ts'
import { openAuthority } from '../twin/postgres/authority.ts'
import { createRds } from '../twin/services/rds/rds.ts'
import { startListener } from '../twin/wire/listener.ts'

const REGION = 'us-east-1'
const ACCOUNT = '111122223333'

/** The twin's RDS alone behind its listener, in a folder of its own, with a client that may everything. */
export async function openRdsLab(log: (line: string) => void = () => {}) {
  const root = mkdtempSync(join(tmpdir(), 'holdfast-bench-'))
  // PostgreSQL's account passes through.
  chmodSync(root, 0o711)
  const store = new Map<string, Identity>()
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
    restorableLag: 1000,
    log,
  })
  const listener = await startListener({
    services: [twin.service],
    account: ACCOUNT,
    identities,
    authorize: () => {},
  })
  await twin.open()
  const { principal, secretAccessKey } = identities.root()
  const options = {
    region: REGION,
    endpoint: listener.url,
    credentials: { accessKeyId: principal.accessKeyId, secretAccessKey },
  }
  const rds = new RDSClient(options)
  const describe = async (DBInstanceIdentifier: string): Promise<DBInstance | undefined> =>
    (await rds.send(new DescribeDBInstancesCommand({ DBInstanceIdentifier }))).DBInstances?.[0]
  return {
    root,
    /** What another client of it is made with. */
    options,
    rds,
    authority,
    describe,
    async untilAvailable(id: string): Promise<DBInstance> {
      for (;;) {
        const instance = await describe(id)
        if (instance?.DBInstanceStatus === 'available') return instance
        if (/failed|incompatible/.test(instance?.DBInstanceStatus ?? ''))
          throw new Error(`${id}: ${instance?.DBInstanceStatus}`)
        await sleep(20)
      }
    },
    async close() {
      rds.destroy()
      await listener.close()
      await twin.close()
      rmSync(root, { recursive: true, force: true })
    },
  }
}
