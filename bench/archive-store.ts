import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createIdentities, type Identity } from '../twin/iam/identities.ts'
import { createS3 } from '../twin/services/s3/service.ts'
import { openCollection } from '../twin/state/collection.ts'
import { startListener } from '../twin/wire/listener.ts'

// The twin's S3 in a process of its own, started by archive-lab.ts: it tells its address and ends with who started it.
const dir = mkdtempSync(join(tmpdir(), 'holdfast-bench-s3-'))
const account = '111122223333'
const service = createS3({
  account,
  clock: () => Date.now(),
  open: name => openCollection(join(dir, 'state', `${name}.json`)),
  dir,
  findKey: (reference, region) => ({
    arn: `arn:aws:kms:${region}:${account}:key/${reference}`,
    context: {},
    assertUsable: () => {},
  }),
  may: () => true,
  allowsRole: () => true,
})
const kept = new Map<string, Identity>()
const identities = createIdentities({
  account,
  store: {
    get: key => kept.get(key),
    set: (key, value) => kept.set(key, value),
    values: () => [...kept.values()],
  },
})
const listener = await startListener({
  services: [service.service],
  account,
  identities,
  authorize: () => {},
  onBug: error => console.error(error),
})
const { principal, secretAccessKey } = identities.root()
process.send?.({ url: listener.url, credentials: { accessKeyId: principal.accessKeyId, secretAccessKey } })
process.once('disconnect', async () => {
  await listener.close()
  service.close()
  rmSync(dir, { recursive: true, force: true })
})
