import { createECDH, createPrivateKey, createPublicKey, randomBytes, sign, verify } from 'node:crypto'
import { WireError } from '../../wire/call.ts'

// NIST P-256 (SEC 2, secp256r1). Node signs messages, never digests, and KMS does both: for a digest the sum is done
// here over the curve's points that Node's ECDH computes.
const N = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n
const P = 0xffffffff00000001000000000000000000000000ffffffffffffffffffffffffn
const DIGEST_BYTES = 32

const read = (bytes: Uint8Array) => BigInt(`0x${Buffer.from(bytes).toString('hex') || '0'}`)
const write = (value: bigint) => Buffer.from(value.toString(16).padStart(64, '0'), 'hex')
const mod = (value: bigint, by: bigint) => ((value % by) + by) % by

function inverse(value: bigint, by: bigint): bigint {
  let [a, b, x, y] = [mod(value, by), by, 1n, 0n]
  while (a > 1n) {
    const quotient = a / b
    ;[a, b] = [b, a % b]
    ;[x, y] = [y, x - quotient * y]
  }
  return mod(x, by)
}

type Point = readonly [bigint, bigint]

/** scalar · G, by Node's own curve arithmetic. */
function timesBase(scalar: bigint): Point {
  const curve = createECDH('prime256v1')
  curve.setPrivateKey(write(scalar))
  const point = curve.getPublicKey()
  return [read(point.subarray(1, 33)), read(point.subarray(33))]
}

function add(left: Point, right: Point): Point {
  const slope =
    left[0] === right[0]
      ? mod((3n * left[0] * left[0] - 3n) * inverse(2n * left[1], P), P)
      : mod((right[1] - left[1]) * inverse(right[0] - left[0], P), P)
  const x = mod(slope * slope - left[0] - right[0], P)
  return [x, mod(slope * (left[0] - x) - left[1], P)]
}

function times(scalar: bigint, point: Point): Point {
  let result: Point | undefined
  let power = point
  for (let rest = scalar; rest > 0n; rest >>= 1n) {
    if (rest & 1n) result = result ? add(result, power) : power
    power = add(power, power)
  }
  return result ?? point
}

function derInteger(value: bigint): Buffer {
  const bytes = write(value)
  const from = bytes.findIndex(byte => byte !== 0)
  const short = bytes.subarray(from < 0 ? 31 : from)
  const body = (short[0] as number) >= 0x80 ? Buffer.concat([Buffer.from([0]), short]) : short
  return Buffer.concat([Buffer.from([0x02, body.length]), body])
}

const toDer = (r: bigint, s: bigint) => {
  const body = Buffer.concat([derInteger(r), derInteger(s)])
  return Buffer.concat([Buffer.from([0x30, body.length]), body])
}

function fromDer(signature: Uint8Array): Point | undefined {
  const bytes = Buffer.from(signature)
  const firstLength = bytes[3] ?? 0
  const secondLength = bytes[5 + firstLength] ?? 0
  if (bytes[0] !== 0x30 || bytes[2] !== 0x02 || bytes[4 + firstLength] !== 0x02) return undefined
  return [
    read(bytes.subarray(4, 4 + firstLength)),
    read(bytes.subarray(6 + firstLength, 6 + firstLength + secondLength)),
  ]
}

function assertDigest(digest: Uint8Array): void {
  if (digest.length === DIGEST_BYTES) return
  throw new WireError('ValidationException', `Digest is invalid length for algorithm ECDSA_SHA_256.`)
}

function signDigest(pem: string, digest: Uint8Array): Buffer {
  const secret = read(Buffer.from(createPrivateKey(pem).export({ format: 'jwk' }).d ?? '', 'base64url'))
  for (;;) {
    const nonce = mod(read(randomBytes(40)), N - 1n) + 1n
    const r = mod(timesBase(nonce)[0], N)
    const s = mod(inverse(nonce, N) * (read(digest) + r * secret), N)
    if (r !== 0n && s !== 0n) return toDer(r, s)
  }
}

function verifyDigest(pem: string, digest: Uint8Array, signature: Uint8Array): boolean {
  const [r, s] = fromDer(signature) ?? [0n, 0n]
  if (r <= 0n || r >= N || s <= 0n || s >= N) return false
  const jwk = createPublicKey(pem).export({ format: 'jwk' })
  const key: Point = [
    read(Buffer.from(jwk.x ?? '', 'base64url')),
    read(Buffer.from(jwk.y ?? '', 'base64url')),
  ]
  const w = inverse(s, N)
  const [u, v] = [mod(read(digest) * w, N), mod(r * w, N)]
  const point = u === 0n ? times(v, key) : add(timesBase(u), times(v, key))
  return mod(point[0], N) === r
}

/** ECDSA_SHA_256 in DER over a message, or over its SHA-256 digest. */
export function signEcdsa(pem: string, message: Uint8Array, isDigest: boolean): Buffer {
  if (!isDigest) return sign('sha256', message, pem)
  assertDigest(message)
  return signDigest(pem, message)
}

/** Whether the key made the signature over the message or digest. */
export function verifyEcdsa(
  pem: string,
  message: Uint8Array,
  isDigest: boolean,
  signature: Uint8Array,
): boolean {
  if (!isDigest) return verify('sha256', message, createPublicKey(pem), signature)
  assertDigest(message)
  return verifyDigest(pem, message, signature)
}

/** DER SubjectPublicKeyInfo. */
export const publicKeyOf = (pem: string): Buffer =>
  createPublicKey(pem).export({ type: 'spki', format: 'der' })
