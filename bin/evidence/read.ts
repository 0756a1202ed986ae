import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import {
  GetObjectCommand,
  ListObjectVersionsCommand,
  type ListObjectVersionsCommandOutput,
  type S3Client,
} from '@aws-sdk/client-s3'
import { type Fault, tooLarge } from '../../lambdas/runtime/evidence/inspect.ts'
import { evidencePrefix, sequenceOf } from '../../lambdas/runtime/evidence/key.ts'
import { AT_ONCE, UNREADABLE } from '../../lambdas/runtime/evidence/read.ts'
import { LARGEST_RECORD, parseSealed, type SealedEvidence } from '../../lambdas/runtime/evidence/record.ts'
import type { EvidenceFile } from '../../lambdas/runtime/evidence/verify.ts'
import { Refusal } from '../../lambdas/runtime/failure.ts'

/** Evidence read from somewhere; `whole` when it claims to be every record since the first. */
export type Loaded = {
  readonly files: readonly EvidenceFile[]
  readonly whole: boolean
  readonly from: string
  /** The chain that it must be, where that is known. */
  readonly chain?: string
  /** Keys at which something else lies than what was first written there: deleted, or written over. */
  readonly covered?: readonly string[]
  /** PEM of the key that must have signed, where it was asked of KMS. */
  readonly pin?: string
}

/**
 * One file, or every chain below a folder: each folder that holds records is one.
 * @throws Refusal `NoEvidence` when there is none
 */
export async function readPath(path: string): Promise<Loaded[]> {
  const found = await stat(path).catch(() => undefined)
  if (!found) throw new Refusal('NoEvidence', `there is no ${path}`, 'give a file or a folder of evidence')
  if (!found.isDirectory()) return [{ files: [await readOne(path, path)], whole: false, from: path }]
  const chains = await readFolder(path)
  if (chains.length > 0) return chains
  throw new Refusal('NoEvidence', `${path} holds no .json file`, 'give a folder of evidence')
}

async function readOne(path: string, name: string): Promise<EvidenceFile> {
  const { size } = await stat(path)
  return { name, size, text: size > LARGEST_RECORD ? tooLarge(size) : await readFile(path, 'utf8') }
}

async function readFolder(path: string): Promise<Loaded[]> {
  const entries = await readdir(path, { withFileTypes: true })
  const names = entries
    .filter(entry => entry.isFile() && entry.name.endsWith('.json'))
    .map(({ name }) => name)
  const files = await Promise.all(names.sort().map(name => readOne(join(path, name), name)))
  const below = await Promise.all(
    entries.filter(entry => entry.isDirectory()).map(entry => readFolder(join(path, entry.name))),
  )
  return [...(files.length > 0 ? [{ files, whole: true, from: path }] : []), ...below.flat()]
}

/**
 * A region's chain out of its bucket, each record as it was first written: the lock keeps that version, whatever a
 * deletion or a second writing puts over it.
 */
export async function readBucket(s3: S3Client, bucket: string, region: string): Promise<Loaded> {
  const first = new Map<string, { VersionId?: string | undefined; Size?: number | undefined }>()
  const covered = new Set<string>()
  let at: { KeyMarker?: string; VersionIdMarker?: string } | undefined = {}
  while (at !== undefined) {
    const page: ListObjectVersionsCommandOutput = await s3.send(
      new ListObjectVersionsCommand({ Bucket: bucket, Prefix: evidencePrefix(region), ...at }),
    )
    // The newest version of a key comes first.
    for (const { Key = '', VersionId, Size } of page.Versions ?? []) {
      if (first.has(Key)) covered.add(Key)
      if (sequenceOf(Key) !== null) first.set(Key, { VersionId, Size })
    }
    for (const { Key = '' } of page.DeleteMarkers ?? []) covered.add(Key)
    at = page.IsTruncated
      ? { KeyMarker: page.NextKeyMarker, VersionIdMarker: page.NextVersionIdMarker }
      : undefined
  }
  const files: EvidenceFile[] = []
  const places = [...first]
  for (let from = 0; from < places.length; from += AT_ONCE)
    files.push(
      ...(await Promise.all(
        places.slice(from, from + AT_ONCE).map(async ([name, { VersionId, Size = 0 }]) => {
          const version = VersionId && { VersionId }
          const text =
            Size > LARGEST_RECORD
              ? tooLarge(Size)
              : await readVersion(s3, { Bucket: bucket, Key: name, ...version })
          return { name, text, size: Size, ...(VersionId && { version: VersionId }) }
        }),
      )),
    )
  return { files, whole: true, from: `s3://${bucket}`, covered: [...covered].sort() }
}

async function readVersion(
  s3: S3Client,
  at: { readonly Bucket: string; readonly Key: string; readonly VersionId?: string },
): Promise<string | Fault> {
  try {
    const { Body } = await s3.send(new GetObjectCommand(at))
    return (await Body?.transformToString()) ?? ''
  } catch (error) {
    if (!(error instanceof Error && UNREADABLE.test(error.name))) throw error
    return { why: 'unreadable', detail: `S3 does not give it out: ${error.name}` }
  }
}

/** The records that can be read, in order; a broken one is the verifier's to report. */
export function recordsOf(chains: readonly Loaded[]): SealedEvidence[] {
  return chains
    .flatMap(chain => chain.files)
    .flatMap(file => {
      if (typeof file.text !== 'string') return []
      try {
        return [parseSealed(file.text)]
      } catch {
        return []
      }
    })
    .sort((a, b) => a.evidence.sequence - b.evidence.sequence)
}

/**
 * The record that a person means: a place in the chain, a drill's id or `last`.
 * @throws Refusal `NoSuchEvidence`
 */
export function pick(records: readonly SealedEvidence[], which: string): SealedEvidence {
  const place = /^#?\d+$/.test(which) ? Number(which.replace('#', '')) : (sequenceOf(which) ?? undefined)
  const found =
    which === 'last'
      ? records.at(-1)
      : (records.find(({ evidence }) => evidence.drill === which) ??
        records.find(({ evidence }) => evidence.sequence === place))
  if (found) return found
  throw new Refusal(
    'NoSuchEvidence',
    `no record is ${which} among ${records.length}`,
    'holdfast evidence list shows them',
  )
}
