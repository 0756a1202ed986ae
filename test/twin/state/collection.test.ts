import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { openCollection } from '../../../twin/state/collection.ts'

let folder: string
let file: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'holdfast-collection-'))
  file = join(folder, 'deep/things.json')
})

afterEach(() => rmSync(folder, { recursive: true, force: true }))

test('what was set and deleted is so after a reopening', () => {
  const first = openCollection<number>(file)
  first.set('a', 1)
  first.set('b', 2)
  first.set('a', 3)
  first.delete('b')
  first.delete('never')
  const again = openCollection<number>(file)
  expect([again.keys(), again.values(), again.has('b')]).toEqual([['a'], [3], false])
})

test('a line that a crash cut off is dropped, and what comes after is kept', () => {
  const first = openCollection<string>(file)
  first.set('a', 'one')
  appendFileSync(`${file}l`, '["b","ha')
  const second = openCollection<string>(file)
  expect(second.keys()).toEqual(['a'])
  second.set('c', 'three')
  expect(openCollection<string>(file).keys()).toEqual(['a', 'c'])
})

test('folds its journal into the file, and reads a journal that was folded already', () => {
  const first = openCollection<string>(file)
  first.set('small', 'x')
  const journal = readFileSync(`${file}l`, 'utf8')
  for (let n = 0; n < 30; n += 1) first.set('large', 'y'.repeat(10_000) + n)
  expect(existsSync(file)).toBe(true)
  const folded = readFileSync(file, 'utf8')
  // A crash between the file's renaming and the journal's removal leaves both.
  writeFileSync(`${file}l`, journal)
  writeFileSync(file, folded)
  expect(openCollection<string>(file).get('small')).toBe('x')
  expect(JSON.parse(folded).large.length).toBeGreaterThan(10_000)
})
