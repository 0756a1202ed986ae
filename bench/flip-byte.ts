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
  await server.run('checkpoint')
  const { path } = await server.one<{ path: string }>(`select pg_relation_filepath('${relation}') as path`)
  await lab.stop(server)
  const file = openSync(join(server.cluster.data, path), 'r+')
  try {
    const bytes = Buffer.alloc(LOOKED_THROUGH)
    const length = readSync(file, bytes, 0, bytes.length, 0)
    const at = 'offset' in place ? place.offset : middleOf(bytes, place.text)
    if (at < 0 || at >= length) throw new Error(`${relation} has no byte ${JSON.stringify(place)}`)
    writeSync(file, Buffer.from([(bytes[at] ?? 0) ^ 1]), 0, 1, at)
  } finally {
    closeSync(file)
  }
}

function middleOf(bytes: Buffer, text: string): number {
  const at = bytes.indexOf(text)
  return at < 0 ? -1 : at + Math.floor(text.length / 2)
}
