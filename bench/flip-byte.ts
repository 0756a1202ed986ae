import { closeSync, openSync, readSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import type { Lab, Server } from './lab.ts'

/** Bytes at the beginning of the file among which a text is looked for. */
const LOOKED_THROUGH = 8192 * 64

/**
 * Stops the server and flips one bit of a relation's file: at `offset`, or in the middle of the first `text`.
 * @throws Error when the file does not hold the text
 */
export async function flipByte(
  lab: Lab,
  server: Server,
  relation: string,
  place: { readonly text: string } | { readonly offset: number },
): Promise<void> {
  await edit(lab, server, await pathOf(server, relation), bytes => {
    const at = 'offset' in place ? place.offset : middleOf(bytes, place.text)
    if (at < 0 || at >= bytes.length) throw new Error(`${relation} has no byte ${JSON.stringify(place)}`)
    bytes[at] = (bytes[at] ?? 0) ^ 1
  })
}

/**
 * Stops the server and writes other texts of the same length over texts in a relation's file.
 * @throws Error when the file does not hold one of them
 */
export async function writeOver(
  lab: Lab,
  server: Server,
  relation: string,
  texts: Readonly<Record<string, string>>,
): Promise<void> {
  await edit(lab, server, await pathOf(server, relation), bytes => overwrite(bytes, relation, texts))
}

/** The same in several relations, with one stop. */
export async function writeOverAll(
  lab: Lab,
  server: Server,
  relations: Readonly<Record<string, Readonly<Record<string, string>>>>,
): Promise<void> {
  const paths: [string, Readonly<Record<string, string>>][] = []
  for (const [relation, texts] of Object.entries(relations))
    paths.push([await pathOf(server, relation), texts])
  await server.run('checkpoint')
  await lab.stop(server)
  for (const [path, texts] of paths) editFile(server, path, bytes => overwrite(bytes, path, texts))
}

/** Stops the server and writes zeros over the first page of a relation's file. */
export async function blank(lab: Lab, server: Server, relation: string): Promise<void> {
  await edit(lab, server, await pathOf(server, relation), bytes => bytes.fill(0, 0, 8192))
}

/** Stops the server and has a table's map say that everybody sees all rows of its first page. */
export async function claimVisible(lab: Lab, server: Server, table: string): Promise<void> {
  // Two bits a page come after the header of the map's own page.
  await edit(lab, server, `${await pathOf(server, table)}_vm`, bytes => {
    bytes[24] = (bytes[24] ?? 0) | 1
  })
}

/** Stops the server and has its log of transactions say that this one, of the first million, was rolled back. */
export async function abortInLog(lab: Lab, server: Server, xid: number): Promise<void> {
  await edit(lab, server, 'pg_xact/0000', bytes => {
    const shift = (xid % 4) * 2
    bytes[xid >> 2] = ((bytes[xid >> 2] ?? 0) & ~(3 << shift)) | (2 << shift)
  })
}

/** Stops the server and takes back what a table's first pages say of rows that were deleted: they are alive again. */
export async function revive(lab: Lab, server: Server, table: string): Promise<void> {
  await edit(lab, server, await pathOf(server, table), bytes => {
    for (let page = 0; page < bytes.length; page += 8192)
      for (let at = page + 24; at < page + bytes.readUInt16LE(page + 12); at += 4) {
        const pointer = bytes.readUInt32LE(at)
        const row = page + (pointer & 0x7fff)
        // A pointer in use, and a row with a deleter.
        if (((pointer >>> 15) & 3) !== 1 || bytes.readUInt32LE(row + 4) === 0) continue
        bytes.writeUInt16LE((bytes.readUInt16LE(row + 20) | 0x0800) & ~0x0400, row + 20)
      }
  })
}

/** Where each access method says in a page's last bytes that its entries lead to rows. */
const LEAF: Readonly<Record<string, (page: Buffer, special: number) => boolean>> = {
  gist: (page, special) => (page.readUInt16LE(special + 12) & 1) === 1,
  hash: (page, special) => (page.readUInt16LE(special + 12) & 0xf) === 2,
  gin: (page, special) => (page.readUInt16LE(special + 6) & 3) === 2,
}

/** Stops the server and takes half of the entries out of an index's leaves; the pages stay well formed. */
export async function halveLeaves(lab: Lab, server: Server, index: string, method: string): Promise<void> {
  await edit(lab, server, await pathOf(server, index), bytes => {
    for (let at = 8192; at < bytes.length; at += 8192) {
      const page = bytes.subarray(at, at + 8192)
      const lower = page.readUInt16LE(12)
      if (lower > 32 && LEAF[method]?.(page, page.readUInt16LE(16)))
        page.writeUInt16LE(24 + 4 * Math.floor((lower - 24) / 8), 12)
    }
  })
}

async function pathOf(server: Server, relation: string): Promise<string> {
  return (await server.one<{ path: string }>(`select pg_relation_filepath('${relation}') as path`)).path
}

async function edit(lab: Lab, server: Server, path: string, change: (bytes: Buffer) => void): Promise<void> {
  await server.run('checkpoint')
  await lab.stop(server)
  editFile(server, path, change)
}

function overwrite(bytes: Buffer, relation: string, texts: Readonly<Record<string, string>>): void {
  const places = Object.entries(texts).map(([text, other]) => ({ at: bytes.indexOf(text), text, other }))
  for (const { at, text, other } of places) {
    if (at < 0 || other.length !== text.length) throw new Error(`${relation} has no ${text} to write over`)
    bytes.write(other, at, 'latin1')
  }
}

function editFile(server: Server, path: string, change: (bytes: Buffer) => void): void {
  const file = openSync(join(server.cluster.data, path), 'r+')
  try {
    const all = Buffer.alloc(LOOKED_THROUGH)
    const bytes = all.subarray(0, readSync(file, all, 0, all.length, 0))
    change(bytes)
    writeSync(file, bytes, 0, bytes.length, 0)
  } finally {
    closeSync(file)
  }
}

function middleOf(bytes: Buffer, text: string): number {
  const at = bytes.indexOf(text)
  return at < 0 ? -1 : at + Math.floor(text.length / 2)
}
