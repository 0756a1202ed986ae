import { CreateAliasCommand, CreateKeyCommand, KMSClient } from '@aws-sdk/client-kms'
import { CreateBucketCommand, DeleteObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { readProofs } from '../../../bin/status/proofs.ts'
import { parseConfig } from '../../../config/parse.ts'
import { prod } from '../../../config/prod.ts'
import { seal } from '../../../lambdas/restore-drill/evidence/seal.ts'
import { evidenceKey } from '../../../lambdas/runtime/evidence/key.ts'
import { publicKeyOf } from '../../../lambdas/runtime/evidence/public-key.ts'
import type { Evidence } from '../../../lambdas/runtime/evidence/record.ts'
import { bucketName, evidenceKeyAlias } from '../../../lib/names.ts'
import { createKms } from '../../../twin/services/kms/service.ts'
import { createS3, type S3Service } from '../../../twin/services/s3/service.ts'
import { makeEvidence, makeKeys, sealWith } from '../../lambdas/runtime/evidence/chain.ts'
import { workbench } from '../../support/services.ts'
import { listenerWith } from '../../support/wire.ts'

const config = parseConfig(prod)
const NOW = Date.parse('2026-11-20T15:05:00Z')
const bucket = bucketName(config, 'evidence', config.region)
const before = { ...process.env }

let bench: ReturnType<typeof workbench>
let storage: S3Service
let twin: Awaited<ReturnType<typeof listenerWith>>
let s3: S3Client
let kms: KMSClient
let key = ''

beforeAll(async () => {
  bench = workbench('2026-11-20T15:00:00Z')
  storage = createS3({
    ...bench.dependencies('s3'),
    dir: bench.dir,
    findKey: arn => ({ arn, context: {}, assertUsable: () => {} }),
    may: () => true,
    allowsRole: () => true,
    isReachable: () => true,
  })
  twin = await listenerWith([storage.service, createKms(bench.dependencies('kms')).service])
  s3 = new S3Client({ ...twin.config(config.region), forcePathStyle: true })
  kms = new KMSClient(twin.config(config.region))
  const { principal, secretAccessKey } = twin.identities.root()
  Object.assign(process.env, {
    AWS_ENDPOINT_URL: twin.url,
    AWS_ACCESS_KEY_ID: principal.accessKeyId,
    AWS_SECRET_ACCESS_KEY: secretAccessKey,
  })
  const made = await kms.send(new CreateKeyCommand({ KeySpec: 'ECC_NIST_P256', KeyUsage: 'SIGN_VERIFY' }))
  key = made.KeyMetadata?.Arn ?? ''
  await kms.send(new CreateAliasCommand({ AliasName: evidenceKeyAlias(config), TargetKeyId: key }))
})

afterAll(async () => {
  process.env = before
  s3.destroy()
  kms.destroy()
  await twin.close()
  storage.close()
  bench.remove()
  expect(twin.bugs).toEqual([])
})

const put = (sequence: number, sealed: unknown) =>
  s3.send(
    new PutObjectCommand({
      Bucket: bucket,
      Key: evidenceKey(config.region, sequence),
      Body: JSON.stringify(sealed),
    }),
  )
const signed = async (over: Partial<Evidence>) =>
  seal(kms, await publicKeyOf(kms, key), {
    ...makeEvidence({ chain: `shop-prod/${config.region}`, ...over }),
    signedBy: key,
  })
const proofs = () => readProofs(config, NOW, () => s3)

test('what a drill has just signed is its proof, before any function has looked', async () => {
  expect(await proofs()).toEqual({})
  await s3.send(new CreateBucketCommand({ Bucket: bucket }))
  expect(await proofs()).toEqual({ 'bad-write': { proofAge: NOW / 1_000, newest: undefined } })
  const first = await signed({ startedAt: '2026-11-20T15:00:00.000Z' })
  await put(1, first)
  expect(await proofs()).toEqual({
    'bad-write': { proofAge: 300, newest: { age: 300, passed: true } },
  })
  await put(
    2,
    await signed({
      sequence: 2,
      previous: first.sha256,
      startedAt: '2026-11-20T15:04:00.000Z',
      verdict: 'unknown',
    }),
  )
  expect(await proofs()).toEqual({
    'bad-write': { proofAge: 300, newest: { age: 60, passed: false } },
  })
  await s3.send(new DeleteObjectCommand({ Bucket: bucket, Key: evidenceKey(config.region, 2) }))
  await put(1, sealWith(makeKeys(), makeEvidence({ startedAt: '2026-11-20T15:00:00.000Z' })))
  expect(await proofs()).toEqual({ 'bad-write': { proofAge: NOW / 1_000, newest: undefined } })
})
