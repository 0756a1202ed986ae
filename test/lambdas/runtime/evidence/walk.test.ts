import { createHash } from 'node:crypto'
import { expect, test } from '@jest/globals'
import { evidenceKey } from '../../../../lambdas/runtime/evidence/key.ts'
import {
  LARGEST_RECORD,
  type SealedEvidence,
  type SteppedOver,
} from '../../../../lambdas/runtime/evidence/record.ts'
import { type EvidenceFile, verifyChain } from '../../../../lambdas/runtime/evidence/verify.ts'
import { filesOf, makeChain, makeEvidence, makeKeys, sealWith } from './chain.ts'

const keys = makeKeys()
const pin = keys.pem
const name = (place: number) => evidenceKey('us-east-1', place)
const junk = (place: number, text = '{}'): EvidenceFile => ({ name: name(place), text })

/** What a record says of an object that it stepped over. */
const naming = ({ name: key, text }: EvidenceFile): SteppedOver => ({
  key,
  version: null,
  sha256: typeof text === 'string' ? createHash('sha256').update(text).digest('hex') : null,
  size: typeof text === 'string' ? Buffer.byteLength(text) : LARGEST_RECORD + 1,
  why: 'unreadable',
})
const after = (before: SealedEvidence | undefined, sequence: number, steppedOver: SteppedOver[] = []) =>
  sealWith(keys, makeEvidence({ sequence, previous: before?.sha256 ?? null, steppedOver }))
const verify = (files: readonly EvidenceFile[]) => verifyChain(files, { pin, whole: true })

const [first] = makeChain(keys, 1)
const REPLAYED: EvidenceFile = { name: name(2), text: JSON.stringify(first) }
const TOO_LARGE: EvidenceFile = {
  name: name(2),
  text: { why: 'too large', detail: 'it has many bytes' },
  size: LARGEST_RECORD + 1,
}

test.each<[string, EvidenceFile, string]>([
  ['an object that is no JSON', junk(2, 'junk'), 'unreadable'],
  ['an empty object', junk(2, ''), 'unreadable'],
  ['an object that nobody reads', TOO_LARGE, 'too large'],
  ['an old record at a new place', REPLAYED, 'misplaced'],
  [
    'a record that another key signed',
    junk(2, JSON.stringify(sealWith(makeKeys(), makeEvidence({ sequence: 2, previous: first!.sha256 })))),
    'wrong key',
  ],
  [
    'a record of another environment',
    junk(2, JSON.stringify(sealWith(keys, makeEvidence({ sequence: 2, chain: 'shop-dev/us-east-1' })))),
    'wrong chain',
  ],
  [
    'a well-signed record that follows nothing',
    junk(2, JSON.stringify(sealWith(keys, makeEvidence({ sequence: 2, previous: 'f'.repeat(64) })))),
    'altered',
  ],
])('%s breaks the chain until a record names it, and is a warning from then on', (_what, file, why) => {
  const [start] = filesOf([first!])
  expect(verify([start!, file])).toMatchObject({
    verdict: 'fail',
    broken: { name: name(2), broken: { why } },
  })
  const third = after(first, 3, [naming(file)])
  const files = [start!, file, ...filesOf([third, after(third, 4)])]
  expect(verify(files)).toMatchObject({
    verdict: 'pass',
    complete: true,
    steppedOver: [{ name: name(2), why, by: 3 }],
  })
})

test('an object far ahead is named by a record before it, and leaves the next place free', () => {
  const far = junk(9_999_999_999)
  const second = after(first, 2, [naming(far)])
  expect(verify([...filesOf([first!, second, after(second, 3)]), far])).toMatchObject({
    verdict: 'pass',
    steppedOver: [{ name: name(9_999_999_999), by: 2 }],
  })
})

test('a thousand objects are stepped over at once', () => {
  const many = Array.from({ length: 1_000 }, (_, index) => junk(index + 2, String(index)))
  const files = [...filesOf([first!]), ...many, ...filesOf([after(first, 1_002, many.map(naming))])]
  expect(verify(files)).toMatchObject({ verdict: 'pass', steppedOver: { length: 1_000 } })
})

test('a chain may begin behind what lies at its first place', () => {
  const file = junk(1)
  expect(verify([file, ...filesOf([after(undefined, 2, [naming(file)])])])).toMatchObject({
    verdict: 'pass',
    complete: true,
  })
})

// Naive: a place that is named need not be looked at any more. Then a record could be replaced by what hides it.
test('what lies there must be what was named', () => {
  const third = after(first, 3, [naming(junk(2))])
  expect(verify([...filesOf([first!]), junk(2, 'other'), ...filesOf([third])]).broken).toMatchObject({
    name: name(2),
    broken: { why: 'unreadable' },
  })
})

test('a record that holds cannot be stepped over', () => {
  const second = after(first, 2)
  const [file] = filesOf([second])
  const third = after(first, 3, [naming(file!)])
  expect(verify([...filesOf([first!, second]), ...filesOf([third])]).broken).toMatchObject({
    sequence: 3,
    broken: { why: 'altered' },
  })
})

test('a place that nobody names and nothing fills is a gap beside one that is named', () => {
  const file = junk(2)
  expect(
    verify([...filesOf([first!]), file, ...filesOf([after(first, 4, [naming(file)])])]).links.at(-1)?.broken,
  ).toEqual({ why: 'gap', detail: '1 missing: 2 to 3' })
})

test('what was named and is not here is said', () => {
  const third = after(first, 3, [naming(junk(2))])
  expect(verify(filesOf([first!, third]))).toMatchObject({
    verdict: 'pass',
    steppedOver: [{ name: name(2), why: 'unreadable, and not here any more', by: 3 }],
  })
})

test('only a record of the chain can name', () => {
  const stranger = sealWith(makeKeys(), makeEvidence({ sequence: 3, steppedOver: [naming(junk(2))] }))
  expect(
    verify([...filesOf([first!]), junk(2), ...filesOf([stranger])]).links.map(one => one.broken?.why),
  ).toEqual([undefined, 'unreadable', 'wrong key'])
})

test('where it ran, the key and what was stepped over are signed, and none of them may be left out', () => {
  const sealed = after(undefined, 1)
  for (const key of ['where', 'signedBy', 'steppedOver'] as const) {
    const { [key]: _, ...evidence } = sealed.evidence
    expect(verify(filesOf([sealWith(keys, evidence)])).broken?.broken?.why).toBe('unreadable')
  }
  const other = { ...sealed.signature, key: 'arn:aws:kms:eu-west-1:999999999999:key/other' }
  expect(verify(filesOf([{ ...sealed, signature: other }])).broken?.broken?.why).toBe('altered')
})
