import { createHash, createHmac } from 'node:crypto'
import type { GetObjectCommandInput, S3Client } from '@aws-sdk/client-s3'
import { HttpRequest } from '@smithy/core/transport'
import { SignatureV4 } from '@smithy/signature-v4'

class NodeSha256 {
  private readonly hash
  constructor(key?: string | Uint8Array) {
    this.hash = key ? createHmac('sha256', key) : createHash('sha256')
  }
  update(data: Uint8Array): void {
    this.hash.update(data)
  }
  async digest(): Promise<Uint8Array> {
    return this.hash.digest()
  }
}

/** A presigned URL that reads an object, good for `expiresIn` seconds. */
export async function getSignedUrl(
  client: S3Client,
  input: GetObjectCommandInput,
  expiresIn: number,
): Promise<string> {
  const endpoint = await client.config.endpoint?.()
  if (!endpoint) throw new Error('the client has no endpoint')
  const signer = new SignatureV4({
    service: 's3',
    region: await client.config.region(),
    credentials: await client.config.credentials(),
    sha256: NodeSha256 as never,
    uriEscapePath: false,
    applyChecksum: false,
  })
  const host = `${endpoint.hostname}:${endpoint.port}`
  const path = `/${input.Bucket}/${input.Key}`
  const request = new HttpRequest({
    method: 'GET',
    protocol: 'http:',
    hostname: endpoint.hostname,
    path,
    headers: { host, 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD' },
  })
  const signed = await signer.presign(request, {
    expiresIn,
    unsignableHeaders: new Set(['content-type']),
  } as never)
  const query = new URLSearchParams(signed.query as Record<string, string>)
  return `http://${host}${path}?${query}`
}
