import { withDurableExecution } from '@aws/durable-execution-sdk-js'
import { KMSClient } from '@aws-sdk/client-kms'
import { RDSClient } from '@aws-sdk/client-rds'
import { S3Client } from '@aws-sdk/client-s3'
import { number, text } from '../runtime/environment.ts'
import { cleanUp, runDrill } from './drill.ts'
import { ENV } from './names.ts'
import { observe } from './observe.ts'
import { type DrillResult, parseRequest } from './request.ts'
import type { Clients, Setting } from './setting.ts'

let ready: { setting: Setting; clients: Clients } | undefined

/** A durable function: one execution is one drill. */
export const handler = withDurableExecution<unknown, DrillResult>(async (event, ctx) => {
  const request = parseRequest(event)
  ready ??= { setting: readSetting(), clients: openClients() }
  const { setting, clients } = ready
  return 'cleanUp' in request
    ? cleanUp(ctx, request, setting, clients)
    : runDrill(ctx, request, setting, clients)
})

function readSetting(): Setting {
  return {
    name: text(ENV.name),
    account: text(ENV.account),
    region: text('AWS_REGION'),
    source: text(ENV.source),
    sourceRegion: text(ENV.sourceRegion),
    reference: text(ENV.reference),
    subnetGroup: text(ENV.subnetGroup),
    securityGroup: text(ENV.securityGroup),
    parameterGroup: text(ENV.parameterGroup),
    instanceClass: text(ENV.instanceClass),
    database: text(ENV.database),
    examineArn: text(ENV.examine),
    rollForwardArn: process.env[ENV.rollForward] || undefined,
    evidenceBucket: text(ENV.evidenceBucket),
    evidenceKey: text(ENV.evidenceKey),
    evidenceRetentionSeconds: number(ENV.evidenceRetention),
    pollSeconds: number(ENV.pollSeconds),
    configDigest: text(ENV.configDigest),
    code: text(ENV.code),
    // The SDK's own variables: whoever sets one does not talk to AWS, and the record says so.
    where: Object.keys(process.env).some(name => /^AWS_ENDPOINT_URL/.test(name)) ? 'twin' : 'aws',
  }
}

function openClients(): Clients {
  return {
    rds: observe(new RDSClient({}), 'rds'),
    s3: observe(new S3Client({}), 's3'),
    kms: observe(new KMSClient({}), 'kms'),
  }
}
