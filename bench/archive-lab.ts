import { fork } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3'
import { archive } from '../lambdas/archiver/archive.ts'
import type { ArchiverAnswer } from '../lambdas/archiver/request.ts'
import type { Destination } from '../lambdas/archiver/upload.ts'
import { listSegments, readHeader, type Stored } from '../lambdas/runtime/segment/store.ts'
import { MIGRATIONS } from '../sql/migrations.ts'
import type { Settings } from '../twin/postgres/settings.ts'
import { type Lab, openLab } from './lab.ts'

/** A primary, and a bucket of the twin. */
export type ArchiveLab = {
  readonly lab: Lab
  readonly destination: Destination
  /** Leaves what was archived so far behind, and goes on in an empty bucket. */
  readonly empty: () => Promise<void>
  /** One run of the archiver. */
  readonly run: (seconds?: number, pause?: number) => Promise<ArchiverAnswer>
  readonly segments: () => Promise<readonly (Stored & { modified: Date | undefined })[]>
  readonly close: () => Promise<void>
}

export async function openArchiveLab(settings: Settings = {}): Promise<ArchiveLab> {
  const lab = await openLab(18, { shared_buffers: '256MB', max_wal_size: '8GB', ...settings })
  // The twin's endpoint hands event triggers to RDS's own role; the lab has none, so its superuser makes them.
  for (const file of [
    '0103.do.archive-triggers.sql',
    '0303.do.follow-events.sql',
    '0312.do.schema-change-triggers.sql',
  ])
    await lab.primary.run(readFileSync(`${MIGRATIONS}${file}`, 'utf8'))
  const master = await lab.primary.connect('master')
  await master.query("select from holdfast.set_archive_tables(array['public.*'])")
  await master.end()
  const store = await openStore()
  const destination: { -readonly [K in keyof Destination]: Destination[K] } = {
    s3: store.s3,
    bucket: '',
    retention: 60,
  }
  let buckets = 0
  const empty = async () => {
    destination.bucket = `segments-${++buckets}`
    await store.s3.send(
      new CreateBucketCommand({ Bucket: destination.bucket, ObjectLockEnabledForBucket: true }),
    )
  }
  await empty()
  return {
    lab,
    destination,
    empty,
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

/** The S3 in a process of its own, as S3 is: what it costs is not the archiver's. */
async function openStore() {
  const child = fork(new URL('./archive-store.ts', import.meta.url))
  const [told] = (await once(child, 'message')) as [
    { url: string; credentials: { accessKeyId: string; secretAccessKey: string } },
  ]
  const s3 = new S3Client({
    endpoint: told.url,
    region: 'eu-west-1',
    forcePathStyle: true,
    credentials: told.credentials,
  })
  return {
    s3,
    close: async () => {
      s3.destroy()
      const ended = once(child, 'exit')
      child.disconnect()
      await ended
    },
  }
}
