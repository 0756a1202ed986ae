import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3'
import pg from 'pg'
import { type ArchiveOptions, archive } from '../../../lambdas/archiver/archive.ts'
import type { ArchiverAnswer } from '../../../lambdas/archiver/request.ts'
import type { Destination } from '../../../lambdas/archiver/upload.ts'
import { compareWith } from '../../../lambdas/roll-forward/compare.ts'
import { fingerprint } from '../../../lambdas/roll-forward/fingerprint.ts'
import type {
  ApplyAnswer,
  Boundary,
  CompareAnswer,
  FingerprintAnswer,
  Target,
} from '../../../lambdas/roll-forward/request.ts'
import { rollForward } from '../../../lambdas/roll-forward/roll-forward.ts'
import { placeOf } from '../../../lambdas/runtime/segment/key.ts'
import {
  listSegments,
  readHeader,
  readMessages,
  type Stored,
} from '../../../lambdas/runtime/segment/store.ts'
import { type Placed, placedChanges } from '../../../lambdas/runtime/segment/transactions.ts'
import type { Version } from '../../../twin/postgres/installation.ts'
import type { Settings } from '../../../twin/postgres/settings.ts'
import { createS3, type S3Service } from '../../../twin/services/s3/service.ts'
import { openCollection } from '../../../twin/state/collection.ts'
import { listenerWith } from '../../support/wire.ts'
import { type Lab, openLab, type Server } from '../examine/lab.ts'

/** A primary whose changes are archived into the twin's S3, and what a drill does with both. */
export type Rig = {
  readonly lab: Lab
  readonly service: S3Service
  readonly destination: Destination
  /** The listener's address, for a process of its own. */
  readonly url: string
  /** The owner of the database. */
  readonly master: pg.Client
  readonly sql: (text: string) => Promise<unknown>
  /** One run of the archiver that ends as soon as it has caught up. */
  readonly run: (options?: Partial<ArchiveOptions>) => Promise<ArchiverAnswer>
  readonly segments: () => Promise<readonly Stored[]>
  readonly changes: () => Promise<readonly Placed[]>
  /** Applies the archive to a copy; the boundary is read before anything writes on it. */
  readonly apply: (
    copy: Server,
    target?: Target,
    seconds?: number,
    boundary?: Boundary,
  ) => Promise<ApplyAnswer>
  readonly fingerprint: () => Promise<FingerprintAnswer>
  readonly compare: (copy: Server, wanted: FingerprintAnswer) => Promise<CompareAnswer>
  readonly close: () => Promise<void>
}

export const BUCKET = 'shop-prod-segments'

export async function openRig(
  options: { version?: Version; settings?: Settings; tables?: string[] } = {},
): Promise<Rig> {
  const lab = await openLab(options.version ?? 18, options.settings)
  const store = await openStore()
  const destination = { s3: store.s3, bucket: BUCKET, retention: 3_600 }
  const master = await lab.primary.connect('master')
  // The twin's endpoint hands event triggers to RDS's own role; the lab has none, so its superuser makes them.
  for (const file of [
    '0103.do.archive-triggers.sql',
    '0303.do.follow-events.sql',
    '0312.do.schema-change-triggers.sql',
  ])
    await lab.primary.run(readFileSync(new URL(`../../../sql/migrations/${file}`, import.meta.url), 'utf8'))
  await master.query('select from holdfast.set_archive_tables($1)', [options.tables ?? ['public.*']])

  const withClient = async <T>(server: Server, user: string, work: (client: pg.Client) => Promise<T>) => {
    const client = await server.connect(user)
    try {
      return await work(client)
    } finally {
      await client.end()
    }
  }
  const segments = async () => {
    const found: Stored[] = []
    for await (const { key } of listSegments(destination)) found.push(await readHeader(destination, key))
    return found
  }
  return {
    lab,
    service: store.service,
    destination,
    url: store.url,
    master,
    sql: text => master.query(text),
    run: more =>
      withClient(lab.primary, 'holdfast_archiver', control =>
        withClient(lab.primary, 'holdfast_archiver', reader =>
          archive({
            ...{ control, reader, destination, instance: 'shop-prod', database: 'shop', code: 'test' },
            ...{ seconds: 0, pause: 50, ...more },
          }),
        ),
      ),
    segments,
    changes: async () => {
      const found: Placed[] = []
      for (const stored of await segments())
        for await (const placed of placedChanges(readMessages(destination, stored))) found.push(placed)
      return found
    },
    apply: async (copy, target = { kind: 'latest' }, seconds = 600, known) => {
      const boundary = known ?? (await readBoundary(copy))
      const systemIdentifier = placeOf((await segments())[0]!.key)!.systemIdentifier
      const request = {
        task: 'apply',
        copy: copy.endpoint,
        systemIdentifier,
        boundary,
        target,
        seconds,
      } as const
      return withClient(copy, 'holdfast_roll_forward', client =>
        withWriter(copy, writer =>
          withClient(copy, 'holdfast_schema', schema =>
            rollForward({ client, writer, schema, archive: destination, request }),
          ),
        ),
      )
    },
    fingerprint: () => withClient(lab.primary, 'holdfast_examine', fingerprint),
    compare: (copy, wanted) =>
      withClient(copy, 'holdfast_roll_forward', client => compareWith(client, wanted)),
    close: async () => {
      await master.end()
      await store.close()
      await lab.close()
    },
  }
}

async function withWriter<T>(copy: Server, work: (writer: pg.Client) => Promise<T>): Promise<T> {
  const { socket: host, port } = copy.cluster
  const writer = new pg.Client({
    host,
    port,
    database: 'shop',
    user: 'holdfast_roll_forward',
    pipeline: true,
  })
  // A session that a test kills is told by its next statement.
  writer.on('error', () => {})
  await writer.connect()
  try {
    return await work(writer)
  } finally {
    await writer.end()
  }
}

/** What examine's `open` freezes: nothing has written on the copy yet. */
export async function readBoundary(copy: Server): Promise<Boundary> {
  const row = await copy.one<{ nextXid: string; timeline: number }>(
    'select pg_snapshot_xmax(pg_current_snapshot())::text as "nextXid", holdfast.timeline() as timeline',
  )
  return { ...row, exact: true }
}

/** The twin's S3 with one locked bucket. */
async function openStore() {
  const dir = mkdtempSync(join(tmpdir(), 'holdfast-segments-'))
  const service = createS3({
    account: '111122223333',
    clock: () => Date.now(),
    open: name => openCollection(join(dir, 'state', `${name}.json`)),
    dir,
    findKey: (reference, region) => ({
      arn: `arn:aws:kms:${region}:111122223333:key/${reference}`,
      context: {},
      assertUsable: () => {},
    }),
    may: () => true,
    allowsRole: () => true,
  })
  const listener = await listenerWith([service.service])
  const s3 = new S3Client({ ...listener.config(), forcePathStyle: true })
  await s3.send(new CreateBucketCommand({ Bucket: BUCKET, ObjectLockEnabledForBucket: true }))
  return {
    service,
    s3,
    url: listener.url,
    close: async () => {
      s3.destroy()
      await listener.close()
      service.close()
      rmSync(dir, { recursive: true })
    },
  }
}
