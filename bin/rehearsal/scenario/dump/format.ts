import { createReadStream, existsSync } from 'node:fs'
import { open, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { Refusal } from '../../../../lambdas/runtime/failure.ts'

/** `archive`: what `pg_restore` reads, in custom, directory or tar format. */
export type Format = 'plain' | 'archive'

const HEAD_BYTES = 4_096
const MAKE_ONE = 'make one with pg_dump (plain, custom or directory format)'

type Sign = {
  readonly what: string
  readonly step: (file: string) => string
  readonly is: (head: Buffer) => boolean
}

const startsWith =
  (...bytes: number[]) =>
  (head: Buffer) =>
    head.subarray(0, bytes.length).equals(Buffer.from(bytes))

/** What dumps come packed in, by the first bytes of the file. */
const PACKED: readonly Sign[] = [
  { what: 'packed with gzip', step: file => `gunzip -k ${file}`, is: startsWith(0x1f, 0x8b) },
  { what: 'packed with zstd', step: file => `zstd -d ${file}`, is: startsWith(0x28, 0xb5, 0x2f, 0xfd) },
  { what: 'packed with xz', step: file => `unxz -k ${file}`, is: startsWith(0xfd, 0x37, 0x7a, 0x58, 0x5a) },
  { what: 'packed with bzip2', step: file => `bunzip2 -k ${file}`, is: startsWith(0x42, 0x5a, 0x68) },
  { what: 'packed with lz4', step: file => `unlz4 ${file}`, is: startsWith(0x04, 0x22, 0x4d, 0x18) },
  { what: 'a zip archive', step: file => `unzip ${file}`, is: startsWith(0x50, 0x4b, 0x03, 0x04) },
]

const isUtf16 = (head: Buffer) => startsWith(0xff, 0xfe)(head) || startsWith(0xfe, 0xff)(head)

/** Programs that are not PostgreSQL and write SQL, by how their dumps begin. */
const STRANGERS: readonly { readonly what: string; readonly is: RegExp }[] = [
  { what: 'a MySQL dump', is: /^-- (MySQL|MariaDB) dump|^\/\*!\d{5}|^\/\*M?!999999|\) ENGINE=/m },
  { what: 'an SQLite dump', is: /^PRAGMA foreign_keys/ },
  { what: 'a script for SQL Server', is: /^(SET ANSI_NULLS ON|USE \[[^\]]+\])\s*\r?\nGO\b/m },
]

/**
 * Says how the file is to be read.
 * @throws Refusal `NotADump` for what is not there or is no dump of one PostgreSQL database
 */
export async function formatOf(file: string): Promise<Format> {
  const found = await stat(file).catch(() => undefined)
  if (!found) throw refuse(`${file} does not exist`, 'give the path of a pg_dump file')
  if (found.isDirectory()) {
    if (existsSync(join(file, 'toc.dat'))) return 'archive'
    throw refuse(`${file} is a folder, and holds no toc.dat as a directory-format dump does`, MAKE_ONE)
  }
  if (!found.isFile()) throw refuse(`${file} is not a file`, 'give the path of a pg_dump file')
  return formatOfHead(file, await headOf(file))
}

function formatOfHead(file: string, head: Buffer): Format {
  if (head.length === 0) throw refuse(`${file} is empty`, MAKE_ONE)
  if (head.toString('latin1', 0, 5) === 'PGDMP') return 'archive'
  if (head.toString('latin1', 257, 262) === 'ustar' && head.toString('latin1', 0, 7) === 'toc.dat')
    return 'archive'
  const packed = PACKED.find(({ is }) => is(head))
  if (packed) throw refuse(`${file} is ${packed.what}`, packed.step(file))
  if (isUtf16(head))
    throw refuse(
      `${file} is in UTF-16, which no PostgreSQL reads`,
      `iconv -f UTF-16 -t UTF-8 ${file} > utf8.sql`,
    )
  if (head.includes(0)) throw notText(file)
  const text = head.toString('latin1')
  if (/^-- PostgreSQL database cluster dump\r?$/m.test(text))
    throw refuse(`${file} is a dump of a whole cluster (pg_dumpall)`, 'one database please: pg_dump -d NAME')
  const stranger = STRANGERS.find(({ is }) => is.test(text))
  if (stranger) throw refuse(`${file} is ${stranger.what}, this is not a PostgreSQL dump`, MAKE_ONE)
  return 'plain'
}

export function notText(file: string): Refusal {
  return refuse(`${file} is not text, this is not a PostgreSQL dump`, MAKE_ONE)
}

async function headOf(file: string): Promise<Buffer> {
  const handle = await open(file)
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(HEAD_BYTES), 0, HEAD_BYTES, 0)
    return buffer.subarray(0, bytesRead)
  } finally {
    await handle.close()
  }
}

/** The bytes of a plain file. */
export function readPlain(file: string): AsyncIterable<Buffer> {
  return createReadStream(file, { highWaterMark: 1_048_576 })
}

function refuse(fact: string, step: string): Refusal {
  return new Refusal('NotADump', fact, step)
}
