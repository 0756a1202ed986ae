import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'
import { fingerprintOf, verifyChain } from '../../../../lambdas/runtime/evidence/verify.ts'
import { filesOf, makeChain, makeEvidence, makeKeys, sealWith } from './chain.ts'

const keys = makeKeys()

test('a whole chain verifies and says by which key', () => {
  const found = verifyChain(filesOf(makeChain(keys, 4)), { pin: keys.pem, whole: true })
  expect(found).toMatchObject({
    verdict: 'pass',
    complete: true,
    pinned: true,
    fingerprint: fingerprintOf(keys.pem),
  })
  expect(found.links.map(link => link.sequence)).toEqual([1, 2, 3, 4])
})

test('formatting does not matter, content does', () => {
  const [first] = makeChain(keys, 1)
  const pressed = { name: 'a.json', text: JSON.stringify(first) }
  expect(verifyChain([pressed]).verdict).toBe('pass')
  const text = pressed.text.replace('"verdict":"pass"', '"verdict":"fail"')
  expect(verifyChain([{ name: 'a.json', text }]).broken?.broken?.why).toBe('altered')
})

test('an altered figure whose hash was altered too fails by its signature', () => {
  const chain = makeChain(keys, 3)
  const second = chain[1]!
  const forged = {
    ...sealWith(makeKeys(), { ...second.evidence, sentence: 'all is well' }),
    signature: second.signature,
  }
  const found = verifyChain(filesOf([chain[0]!, forged, chain[2]!]), { whole: true })
  expect(found.broken).toMatchObject({ sequence: 2, broken: { why: 'wrong signature' } })
})

test('a record that a stranger signed is a wrong key, with a pin and without one', () => {
  const chain = makeChain(keys, 3)
  const stranger = makeKeys()
  const forged = filesOf([chain[0]!, sealWith(stranger, chain[1]!.evidence), chain[2]!])
  expect(verifyChain(forged).broken).toMatchObject({ sequence: 2, broken: { why: 'wrong key' } })
  const all = filesOf(makeChain(stranger, 3))
  expect(verifyChain(all).verdict).toBe('pass')
  expect(verifyChain(all, { pin: keys.pem }).broken).toMatchObject({
    sequence: 1,
    broken: { why: 'wrong key' },
  })
})

test('a missing record is a gap that names what is missing', () => {
  const files = filesOf(makeChain(keys, 5))
  files.splice(2, 1)
  expect(verifyChain(files, { whole: true }).broken).toMatchObject({
    sequence: 4,
    broken: { why: 'gap', detail: '1 missing: 3 to 3' },
  })
})

test('a chain that begins in its middle is a gap when it claims to be whole', () => {
  const files = filesOf(makeChain(keys, 3)).slice(1)
  expect(verifyChain(files, { whole: true }).broken).toMatchObject({ sequence: 2, broken: { why: 'gap' } })
  expect(verifyChain(files)).toMatchObject({ verdict: 'pass', complete: false })
})

test('two records that changed places are misplaced', () => {
  const files = filesOf(makeChain(keys, 3))
  const [a, b, c] = files
  const swapped = [a!, { name: b!.name, text: c!.text }, { name: c!.name, text: b!.text }]
  expect(verifyChain(swapped, { whole: true }).broken).toMatchObject({ broken: { why: 'misplaced' } })
})

test('a replayed record under another name is repeated', () => {
  const [a, b] = filesOf(makeChain(keys, 2))
  const found = verifyChain([a!, b!, { name: 'evidence/us-east-1/copy.json', text: b!.text }])
  expect(found.broken).toMatchObject({ sequence: 2, broken: { why: 'repeated' } })
})

test('a well-signed record that follows another history is altered', () => {
  const chain = makeChain(keys, 2)
  const other = sealWith(keys, makeEvidence({ sequence: 3, previous: 'f'.repeat(64) }))
  expect(verifyChain(filesOf([...chain, other])).broken).toMatchObject({
    sequence: 3,
    broken: { why: 'altered' },
  })
})

test('a record of another environment is the wrong chain', () => {
  const chain = makeChain(keys, 1)
  const other = sealWith(
    keys,
    makeEvidence({ sequence: 2, chain: 'shop-dev/us-east-1', previous: chain[0]!.sha256 }),
  )
  expect(verifyChain(filesOf([...chain, other])).broken).toMatchObject({ broken: { why: 'wrong chain' } })
})

// Naive: a chain that holds in itself. Another environment's does, and so does one without its last record.
test('the whole chain of another environment is not the one that is wanted', () => {
  const files = filesOf(makeChain(keys, 2))
  expect(verifyChain(files, { chain: 'shop-prod/us-east-1' }).verdict).toBe('pass')
  expect(verifyChain(files, { chain: 'shop-dev/us-east-1' }).broken).toMatchObject({
    sequence: 1,
    broken: { why: 'wrong chain' },
  })
})

test('an end that was cut off is found by the hash of the newest record', () => {
  const chain = makeChain(keys, 3)
  const newest = chain[2]!.sha256
  expect(verifyChain(filesOf(chain), { whole: true, newest }).verdict).toBe('pass')
  expect(verifyChain(filesOf(chain.slice(0, 2)), { whole: true, newest })).toMatchObject({
    verdict: 'fail',
    complete: false,
    broken: { sequence: 2, broken: { why: 'cut off' } },
  })
})

test('no record at all proves nothing', () => {
  expect(verifyChain([])).toMatchObject({ verdict: 'fail', fingerprint: null })
})

test.each([
  ['an empty file', ''],
  ['half a file', JSON.stringify(makeChain(keys, 1)[0]).slice(0, 400)],
  ['another format', JSON.stringify({ ...makeChain(keys, 1)[0], evidence: { format: 'other' } })],
  ['an added field', JSON.stringify({ ...makeChain(keys, 1)[0], note: 'trust me' })],
])('%s is unreadable', (_what, text) => {
  const found = verifyChain([{ name: 'a.json', text }])
  expect(found.broken).toMatchObject({ broken: { why: 'unreadable' } })
})

// Naive: hashing what JSON.parse makes of a text. It takes the last of two equal keys and rounds numbers, unseen.
test.each([
  ['a key that stands there twice', '"verdict":"pass"', '"verdict":"fail","verdict":"pass"'],
  ['a number with more digits than are signed', '"rpoSeconds":0.7', '"rpoSeconds":0.70000000000000000001'],
  ['a number that is too large for one', '"coverage":1', '"coverage":1e0'],
  ['a key that JavaScript hides', '"name":"compare.complete"', '"__proto__":{},"name":"compare.complete"'],
])('%s makes the record unreadable or altered', (_what, said, lie) => {
  const [first] = makeChain(keys, 1)
  const text = JSON.stringify(first)
  expect(text).toContain(said)
  const found = verifyChain([{ name: 'a.json', text: text.replace(said, lie) }])
  expect(found.verdict).toBe('fail')
  expect(['unreadable', 'altered']).toContain(found.broken?.broken?.why)
})

test('letters that another program escaped are the same letters', () => {
  const sealed = sealWith(keys, makeEvidence({ sentence: 'Größe "x" kehrt zurück' }))
  const text = JSON.stringify(sealed, null, 4).replaceAll('ö', '\\u00f6')
  expect(verifyChain([{ name: 'a.json', text }]).verdict).toBe('pass')
})

test('what an earlier build wrote still verifies', () => {
  const folder = join(import.meta.dirname, '../../../golden/evidence')
  const names = readdirSync(folder).filter(name => name.endsWith('.json'))
  const files = names.map(name => ({ name, text: readFileSync(join(folder, name), 'utf8') }))
  const pin = readFileSync(join(folder, 'key.pem'), 'utf8')
  expect(files.length).toBeGreaterThan(0)
  expect(verifyChain(files, { pin, whole: true })).toMatchObject({ verdict: 'pass', complete: true })
})
