// The archiver in a process of its own, so that a test can kill it. Its one argument is JSON; see crash.ts.
import { S3Client } from '@aws-sdk/client-s3'
import pg from 'pg'
import { archive } from '../../../lambdas/archiver/archive.ts'

const { host, port, url, credentials, bucket, seconds } = JSON.parse(process.argv[2] ?? '{}')
const open = async () => {
  const client = new pg.Client({ host, port, database: 'shop', user: 'holdfast_archiver' })
  await client.connect()
  return client
}
const control = await open()
const reader = await open()
const s3 = new S3Client({ endpoint: url, region: 'eu-west-1', forcePathStyle: true, credentials })
console.log('started')
const answer = await archive({
  ...{ control, reader, seconds, pause: 20, instance: 'shop-prod', database: 'shop', code: 'test' },
  destination: { s3, bucket, retention: 3_600 },
})
console.log(JSON.stringify(answer))
// Stays until it is killed: whoever waits for the line above may want it dead right after the advance.
setInterval(() => {}, 1_000)
