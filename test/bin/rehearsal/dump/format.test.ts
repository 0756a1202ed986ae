import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { formatOf } from '../../../../bin/rehearsal/scenario/dump/format.ts'

let root: string
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'holdfast-test-'))
})
afterAll(() => rmSync(root, { recursive: true, force: true }))

const tar = Buffer.alloc(512)
tar.write('toc.dat')
tar.write('ustar', 257)

test.each<[string, string | Buffer, string]>([
  ['custom', 'PGDMP\u0001\u000e', 'archive'],
  ['tar', tar, 'archive'],
  ['plain', 'create table t (a int);', 'plain'],
])('knows the %s format', async (_, content, wanted) => {
  const file = join(root, 'known')
  writeFileSync(file, content)
  expect(await formatOf(file)).toBe(wanted)
})

test('knows a directory of pg_dump by its table of contents', async () => {
  const folder = join(root, 'directory')
  mkdirSync(folder)
  await expect(formatOf(folder)).rejects.toThrow('is a folder, and holds no toc.dat')
  writeFileSync(join(folder, 'toc.dat'), 'PGDMP')
  expect(await formatOf(folder)).toBe('archive')
})

test.each<[string | Buffer, string, string]>([
  ['', 'is empty', 'make one with pg_dump'],
  [gzipSync('select 1;'), 'is packed with gzip', 'gunzip -k '],
  [Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x04]), 'is packed with zstd', 'zstd -d '],
  [Buffer.from('BZh91AY'), 'is packed with bzip2', 'bunzip2 -k '],
  [Buffer.from('\ufeffselect 1;', 'utf16le'), 'is in UTF-16', 'iconv -f UTF-16 -t UTF-8 '],
  ['select 1;\0', 'is not text', 'make one with pg_dump'],
  [
    '--\n-- PostgreSQL database cluster dump\n--\n',
    'is a dump of a whole cluster',
    'one database please: pg_dump',
  ],
  ['-- MySQL dump 10.13\n', 'is a MySQL dump, this is not a PostgreSQL dump', 'make one with pg_dump'],
  ['/*!40101 SET NAMES utf8mb4 */;\n', 'is a MySQL dump', 'make one with pg_dump'],
  ['PRAGMA foreign_keys=OFF;\nBEGIN;\n', 'is an SQLite dump', 'make one with pg_dump'],
])('refuses %j with the step that helps', async (content, fact, step) => {
  const file = join(root, 'refused')
  writeFileSync(file, content)
  const error = await formatOf(file).catch((cause: Error) => cause)
  expect(String(error)).toContain(`NotADump: ${file} ${fact}`)
  expect(String(error)).toContain(`\nHINT: ${step}`)
})

test('refuses a file that is not there', async () => {
  await expect(formatOf(join(root, 'nowhere'))).rejects.toThrow(
    'nowhere does not exist\nHINT: give the path of a pg_dump file',
  )
})
