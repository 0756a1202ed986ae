import { createHash } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  AbortMultipartUploadCommand,
  type CompletedPart,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  PutObjectCommand,
  UploadPartCommand,
} from '@aws-sdk/client-s3'
import { Transient } from '../runtime/failure.ts'
import { encodeHeader, type SegmentHeader, sealOf } from '../runtime/segment/header.ts'
import { type Archive, proveStored, readHeader, type Stored } from '../runtime/segment/store.ts'

/** Bytes of one part of a multipart upload. S3 wants at least 5 MiB, and at most 10,000 parts: 80 GB a segment. */
const PART = 8 * 1024 * 1024

/** Tries of a put that S3 answered with "another conditional write is under way". */
const CONFLICT_TRIES = 5

export type Destination = Archive & {
  /** Seconds that S3 refuses to delete the object. */
  readonly retention: number
}

/** What the sealed header needs to know of the body. */
export type BodyFacts = Pick<SegmentHeader, 'bodyBytes' | 'bodySha256'>

/**
 * One segment on its way into the bucket. A body that fits one part is put in one piece; a longer one is sent
 * part by part while it arrives, and the part with the header goes last, when its counts are known. Until `seal`
 * nothing is visible in the bucket, so a segment is there whole or not at all.
 */
export class SegmentUpload {
  readonly #destination: Destination
  readonly #key: string
  readonly #hash = createHash('sha256')
  readonly #parts: CompletedPart[] = []
  #bytes = 0
  #first: Buffer | undefined
  #pending: Buffer[] = []
  #pendingBytes = 0
  #id: string | undefined

  constructor(destination: Destination, key: string) {
    this.#destination = destination
    this.#key = key
  }

  /** Takes the next bytes of the body; resolves when there is room for more. */
  async write(piece: Buffer): Promise<void> {
    this.#hash.update(piece)
    this.#bytes += piece.length
    this.#pending.push(piece)
    this.#pendingBytes += piece.length
    if (this.#pendingBytes < PART) return
    const part = this.#takePending()
    if (this.#first === undefined) this.#first = part
    else await this.#send(this.#parts.length + 2, part)
  }

  /** After the last write: length and SHA-256 of the body. */
  facts(): BodyFacts {
    return { bodyBytes: this.#bytes, bodySha256: this.#hash.copy().digest('hex') }
  }

  /**
   * Puts the segment if its key is free, reads it back and proves every byte.
   * @throws Transient `SegmentExists` when another archiver wrote this position first.
   */
  async seal(header: SegmentHeader): Promise<Stored> {
    const head = encodeHeader(header)
    const seal = sealOf(head)
    try {
      if (this.#id === undefined)
        await this.#put(Buffer.concat([head, this.#first ?? Buffer.alloc(0), ...this.#pending]))
      else await this.#complete(head)
    } catch (error) {
      if (!isNamed(error, 'PreconditionFailed')) throw error
      // A retried request may find what its first try wrote: decided below, by the seal.
    }
    const stored = await readHeader(this.#destination, this.#key)
    if (stored.seal !== seal)
      throw new Transient('SegmentExists', `${this.#key} was written by another archiver`)
    await proveStored(this.#destination, stored)
    return stored
  }

  /** Gives up: nothing was or will be visible. */
  async abort(): Promise<void> {
    if (this.#id === undefined) return
    const { s3, bucket } = this.#destination
    await s3.send(new AbortMultipartUploadCommand({ Bucket: bucket, Key: this.#key, UploadId: this.#id }))
    this.#id = undefined
  }

  #takePending(): Buffer {
    const part = Buffer.concat(this.#pending)
    this.#pending = []
    this.#pendingBytes = 0
    return part
  }

  async #send(number: number, body: Buffer): Promise<void> {
    const { s3, bucket } = this.#destination
    if (this.#id === undefined) {
      const begun = await s3.send(
        new CreateMultipartUploadCommand({
          Bucket: bucket,
          Key: this.#key,
          ChecksumAlgorithm: 'SHA256',
          ...this.#lock(),
        }),
      )
      this.#id = begun.UploadId
    }
    const place = { Bucket: bucket, Key: this.#key, UploadId: this.#id, PartNumber: number }
    const sent = await s3.send(new UploadPartCommand({ ...place, Body: body, ChecksumAlgorithm: 'SHA256' }))
    this.#parts.push({ PartNumber: number, ETag: sent.ETag, ChecksumSHA256: sent.ChecksumSHA256 })
  }

  async #complete(head: Buffer): Promise<void> {
    if (this.#pendingBytes > 0) await this.#send(this.#parts.length + 2, this.#takePending())
    await this.#send(1, Buffer.concat([head, this.#first ?? Buffer.alloc(0)]))
    const { s3, bucket } = this.#destination
    const parts = this.#parts.toSorted((a, b) => (a.PartNumber ?? 0) - (b.PartNumber ?? 0))
    await withoutConflict(() =>
      s3.send(
        new CompleteMultipartUploadCommand({
          Bucket: bucket,
          Key: this.#key,
          UploadId: this.#id,
          IfNoneMatch: '*',
          MultipartUpload: { Parts: parts },
        }),
      ),
    )
  }

  async #put(body: Buffer): Promise<void> {
    const { s3, bucket } = this.#destination
    await withoutConflict(() =>
      s3.send(
        new PutObjectCommand({
          Bucket: bucket,
          Key: this.#key,
          Body: body,
          IfNoneMatch: '*',
          ContentType: 'application/vnd.holdfast.segment',
          ChecksumAlgorithm: 'SHA256',
          ...this.#lock(),
        }),
      ),
    )
  }

  #lock() {
    const until = new Date(Date.now() + this.#destination.retention * 1_000)
    return { ObjectLockMode: 'COMPLIANCE', ObjectLockRetainUntilDate: until } as const
  }
}

async function withoutConflict(put: () => Promise<unknown>): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await put()
      return
    } catch (error) {
      if (!isNamed(error, 'ConditionalRequestConflict') || attempt === CONFLICT_TRIES) throw error
      await sleep(100 * 2 ** attempt)
    }
  }
}

function isNamed(error: unknown, name: string): boolean {
  return error instanceof Error && error.name === name
}
