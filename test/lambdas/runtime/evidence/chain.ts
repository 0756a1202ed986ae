import { createSign, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { evidenceKey } from '../../../../lambdas/runtime/evidence/key.ts'
import {
  canonicalBytes,
  digestOf,
  type Evidence,
  type SealedEvidence,
} from '../../../../lambdas/runtime/evidence/record.ts'

export type Keys = { readonly privateKey: KeyObject; readonly pem: string }

/** A signing key as KMS makes them for evidence. */
export function makeKeys(): Keys {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  return { privateKey, pem: publicKey.export({ type: 'spki', format: 'pem' }).toString() }
}

/** A small whole record. */
export function makeEvidence(over: Partial<Evidence> = {}): Evidence {
  return {
    format: 'holdfast-evidence-2',
    where: 'aws',
    signedBy: 'arn:aws:kms:us-east-1:111111111111:key/test',
    steppedOver: [],
    chain: 'shop-prod/us-east-1',
    sequence: 1,
    previous: null,
    drill: '00c0ffee00',
    execution: 'arn:aws:lambda:us-east-1:111111111111:function:drill:live/durable-execution/a/b',
    environment: 'shop-prod',
    mode: 'bad-write',
    request: { target: { kind: 'time', at: '2026-11-20T14:03:00Z' }, requestedBy: 'a test' },
    code: '0.1.0',
    configDigest: 'abc',
    startedAt: '2026-11-20T14:05:00.000Z',
    endedAt: '2026-11-20T14:09:00.000Z',
    verdict: 'pass',
    sentence: 'It comes back',
    objective: { rpoSeconds: 300, rtoSeconds: 3600, coverageFloor: 0.99 },
    measured: { rpoSeconds: 0.7, rtoSeconds: 161.25, coverage: 1, clocks: { warm: 161.25 }, facts: {} },
    stages: [
      {
        name: 'compare',
        startedAt: '2026-11-20T14:08:00.000Z',
        endedAt: '2026-11-20T14:09:00.000Z',
        verdict: 'pass',
        detail: '1 table',
        checks: [{ name: 'compare.complete', verdict: 'pass', detail: '1 of 1', asked: 'select 1' }],
      },
    ],
    tables: [],
    calls: [],
    ...over,
  }
}

/** Signs as KMS does: ECDSA over the SHA-256, DER. */
export function sealWith(keys: Keys, evidence: Evidence): SealedEvidence {
  return {
    evidence,
    sha256: digestOf(evidence),
    signature: {
      algorithm: 'ECDSA_SHA_256',
      key: 'arn:aws:kms:us-east-1:111111111111:key/test',
      publicKey: keys.pem,
      value: createSign('sha256').update(canonicalBytes(evidence)).sign(keys.privateKey, 'base64'),
    },
  }
}

/** A good chain of so many records, each later than the one before. */
export function makeChain(keys: Keys, length: number): SealedEvidence[] {
  const chain: SealedEvidence[] = []
  for (let sequence = 1; sequence <= length; sequence++)
    chain.push(
      sealWith(
        keys,
        makeEvidence({ sequence, drill: `drill${sequence}`, previous: chain.at(-1)?.sha256 ?? null }),
      ),
    )
  return chain
}

/** Files as they lie in the bucket. */
export function filesOf(chain: readonly SealedEvidence[]): { name: string; text: string }[] {
  return chain.map(sealed => ({
    name: evidenceKey('us-east-1', sealed.evidence.sequence),
    text: JSON.stringify(sealed, null, 2),
  }))
}
