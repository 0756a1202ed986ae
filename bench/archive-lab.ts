import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3'
import { archive } from '../lambdas/archiver/archive.ts'
import type { ArchiverAnswer } from '../lambdas/archiver/request.ts'
import type { Destination } from '../lambdas/archiver/upload.ts'
import { listSegments, readHeader, type Stored } from '../lambdas/runtime/segment/store.ts'
import { MIGRATIONS } from '../sql/migrations.ts'
import { createIdentities, type Identity } from '../twin/iam/identities.ts'
import type { Settings } from '../twin/postgres/settings.ts'
import { createS3 } from '../twin/services/s3/service.ts'
import { openCollection } from '../twin/state/collection.ts'
import { startListener } from '../twin/wire/listener.ts'
import { type Lab, openLab } from './lab.ts'

/** A primary and a bucket of the twin, in this process. */
export type ArchiveLab = {
  readonly lab: Lab
  readonly destination: Destination
  /** One run of the archiver. */
  readonly run: (seconds?: number, pause?: number) => Promise<ArchiverAnswer>
  readonly segments: () => Promise<readonly (Stored & { modified: Date | undefined })[]>
  readonly close: () => Promise<void>
}

const BUCKET = 'segments'

export async function openArchiveLab(settings: Settings = {}): Promise<ArchiveLab> {
  const lab = await openLab(18, { shared_buffers: '256MB', max_wal_size: '8GB', ...settings })
  // The twin's endpoint hands event triggers to RDS's own role; the lab has none, so its superuser makes them.
  await lab.primary.run(readFileSync(`${MIGRATIONS}0103.do.archive-triggers.sql`, 'utf8'))
  const master = await lab.primary.connect('master')
  await master.query("select from holdfast.set_archive_tables(array['public.*'])")
  await master.end()
  const store = await openStore()
  const destination = { s3: store.s3, bucket: BUCKET, retention: 60 }
  return {
    lab,
    destination,
    run: async (seconds = 0, pause = 50) => {
      const control = await lab.primary.connect('holdfast_archiver')
      const reader = await lab.primary.connect('holdfast_archiver')
      try {
        const place = { instance: 'shop-prod', database: 'shop', code: 'bench' }
        return await archive({ control, reader, destination, ...place, seconds, pause })
      } finally {
        await reader.end()
        await control.end()
      }
    },
    segments: async () => {
      const found = []
      for await (const { key, modified } of listSegments(destination))
        found.push({ ...(await readHeader(destination, key)), modified })
      return found
    },
    close: async () => {
      await store.close()
      await lab.close()
    },
  }
}

async function openStore() {
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
  const root = identities.root()
  const s3 = new S3Client({
    endpoint: listener.url,
    region: 'eu-west-1',
    forcePathStyle: true,
    credentials: { accessKeyId: root.principal.accessKeyId, secretAccessKey: root.secretAccessKey },
  })
  await s3.send(new CreateBucketCommand({ Bucket: BUCKET, ObjectLockEnabledForBucket: true }))
  return {
    s3,
    close: async () => {
      s3.destroy()
      await listener.close()
      service.close()
      rmSync(dir, { recursive: true, force: true })
    },
  }
}
