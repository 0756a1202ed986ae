import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as s3 from '@aws-sdk/client-s3'
import { expect } from '@jest/globals'
import { createS3, type S3Service } from '../../../twin/services/s3/service.ts'
import { openCollection } from '../../../twin/state/collection.ts'
import { WireError } from '../../../twin/wire/call.ts'
import { listenerWith } from '../../support/wire.ts'

// The SDK tells the console of each empty body that it does not know its length.
const SILENT = { trace() {}, debug() {}, info() {}, warn() {}, error() {} }

/** The twin's S3 behind a listener, with a bucket for each test and with what a test may turn: clock, key, rights, regions. */
export async function openS3Bench() {
  const dir = mkdtempSync(join(tmpdir(), 'holdfast-s3-'))
  const turned = {
    now: Date.parse('2026-11-20T10:00:00Z'),
    keyEnabled: true,
    mayList: true,
    lost: new Set<string>(),
  }
  const clients: s3.S3Client[] = []
  let bucket = ''
  let counter = 0
  const open = (): S3Service =>
    createS3({
      account: '111122223333',
      clock: () => turned.now,
      open: name => openCollection(join(dir, 'state', `${name}.json`)),
      dir,
      findKey: (reference, region) => ({
        arn: reference.startsWith('arn:') ? reference : `arn:aws:kms:${region}:111122223333:key/${reference}`,
        context: {},
        assertUsable: () => {
          if (!turned.keyEnabled) throw new WireError('KMS.DisabledException', 'The key is disabled.')
        },
      }),
      may: (_, { action }) => turned.mayList || action !== 's3:ListBucket',
      allowsRole: () => true,
      isReachable: region => !turned.lost.has(region),
    })
  const service = open()
  const twin = await listenerWith([service.service])
  const client = (region = 'eu-west-1', config: object = {}) => {
    const made = new s3.S3Client({ ...twin.config(region), forcePathStyle: true, logger: SILENT, ...config })
    clients.push(made)
    return made
  }
  const home = client()
  return {
    turned,
    service,
    open,
    client,
    home,
    standby: client('eu-central-1'),
    /** What uploads leave here is a leak. */
    scratch: join(dir, 'scratch'),
    /** Makes the next bucket. @returns its name */
    async nextBucket() {
      bucket = `bucket-${++counter}`
      await home.send(new s3.CreateBucketCommand({ Bucket: bucket, ObjectLockEnabledForBucket: true }))
      return bucket
    },
    put: (Key: string, Body: string | Buffer, rest: object = {}) =>
      home.send(new s3.PutObjectCommand({ Bucket: bucket, Key, Body, ...rest })),
    async text(Key: string, rest: object = {}) {
      const { Body } = await home.send(new s3.GetObjectCommand({ Bucket: bucket, Key, ...rest }))
      return (await Body?.transformToString()) ?? ''
    },
    async close() {
      for (const each of clients) each.destroy()
      await twin.close()
      service.close()
      rmSync(dir, { recursive: true })
      expect(twin.bugs).toEqual([])
    },
  }
}
