import { createHmac, createSecretKey, hash, type KeyObject, timingSafeEqual } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import { WireError } from './call.ts'

const ALGORITHM = 'AWS4-HMAC-SHA256'
/** AWS refuses a request whose date is further than this from its own clock. */
const ALLOWED_SKEW_MS = 15 * 60_000

/** A presigned URL of Signature Version 4 is good for a week at most. */
const LONGEST_PRESIGNED_S = 604_800

/** What a request says of its signer, before anything of it was checked. */
export type Claim = {
  readonly accessKeyId: string
  readonly day: string
  readonly region: string
  readonly service: string
  readonly signedHeaders: readonly string[]
  readonly signature: string
  /** `YYYYMMDDTHHMMSSZ` */
  readonly date: string
  /** Seconds that a presigned URL is good for; undefined for a signed header. */
  readonly expires: number | undefined
  readonly sessionToken: string | undefined
}

/** The parts of a request that its signature covers. `path` and `query` are raw, as they came over the wire. */
export type SignedRequest = {
  readonly method: string
  readonly path: string
  readonly query: string
  readonly headers: IncomingHttpHeaders
}

const header = (headers: IncomingHttpHeaders, name: string): string | undefined => {
  const value = headers[name]
  return Array.isArray(value) ? value.join(',') : value
}

/** Reads the claim from the Authorization header or from a presigned URL; undefined for an unsigned request. */
export function readClaim(request: SignedRequest): Claim | undefined {
  const authorization = header(request.headers, 'authorization')
  if (authorization?.startsWith(ALGORITHM)) return fromHeader(authorization, request.headers)
  const query = new URLSearchParams(request.query)
  if (query.get('X-Amz-Algorithm') === ALGORITHM) return fromQuery(query)
  return undefined
}

function scope(credential: string) {
  const parts = credential.split('/')
  const [day, region, service, end] = parts.slice(-4)
  const accessKeyId = parts.slice(0, -4).join('/')
  if (end !== 'aws4_request' || !day || !region || !service || !accessKeyId) {
    throw new WireError(
      'IncompleteSignature',
      `Credential ${credential} is not key/day/region/service/aws4_request`,
    )
  }
  return { accessKeyId, day, region, service }
}

function fromHeader(authorization: string, headers: IncomingHttpHeaders): Claim {
  const fields = new Map<string, string>()
  for (const part of authorization.slice(ALGORITHM.length).split(',')) {
    const [key, ...value] = part.trim().split('=')
    if (key) fields.set(key, value.join('='))
  }
  return {
    ...scope(fields.get('Credential') ?? ''),
    signedHeaders: (fields.get('SignedHeaders') ?? '').split(';'),
    signature: fields.get('Signature') ?? '',
    date: header(headers, 'x-amz-date') ?? '',
    expires: undefined,
    sessionToken: header(headers, 'x-amz-security-token'),
  }
}

function fromQuery(query: URLSearchParams): Claim {
  return {
    ...scope(query.get('X-Amz-Credential') ?? ''),
    signedHeaders: (query.get('X-Amz-SignedHeaders') ?? '').split(';'),
    signature: query.get('X-Amz-Signature') ?? '',
    date: query.get('X-Amz-Date') ?? '',
    expires: Number(query.get('X-Amz-Expires') ?? 900),
    sessionToken: query.get('X-Amz-Security-Token') ?? undefined,
  }
}

/** Hex SHA-256. */
export const sha256 = (text: string | Uint8Array) => hash('sha256', text)
/** HMAC-SHA-256. */
export const hmac = (key: string | Buffer | KeyObject, text: string) =>
  createHmac('sha256', key).update(text).digest()
const rfc3986 = (text: string) =>
  encodeURIComponent(text).replace(/[!'()*]/g, c => `%${c.charCodeAt(0).toString(16).toUpperCase()}`)

function canonicalQuery(query: string): string {
  return [...new URLSearchParams(query.replaceAll('+', '%2B'))]
    .filter(([key]) => key !== 'X-Amz-Signature')
    .map(([key, value]): [string, string] => [rfc3986(key), rfc3986(value)])
    .sort(([a, x], [b, y]) => (a < b ? -1 : a > b ? 1 : x < y ? -1 : 1))
    .map(([key, value]) => `${key}=${value}`)
    .join('&')
}

// Every service but S3 signs the path encoded once more than it travels.
const canonicalPath = (path: string, service: string) =>
  service === 's3' ? path : path.split('/').map(rfc3986).join('/')

const signingKeys = new Map<string, KeyObject>()

/** The key that signs for one day, region and service; kept, since deriving it costs four HMACs a call. */
export function signingKey(secret: string, claim: Pick<Claim, 'day' | 'region' | 'service'>): KeyObject {
  const name = `${secret}/${claim.day}/${claim.region}/${claim.service}`
  const found = signingKeys.get(name)
  if (found) return found
  const key = createSecretKey(
    hmac(hmac(hmac(hmac(`AWS4${secret}`, claim.day), claim.region), claim.service), 'aws4_request'),
  )
  if (signingKeys.size > 1000) signingKeys.clear()
  signingKeys.set(name, key)
  return key
}

/** `day/region/service/aws4_request` */
export const scopeOf = (claim: Claim) => `${claim.day}/${claim.region}/${claim.service}/aws4_request`

/** The signature that a request with this claim must carry. `payloadHash` is hex, or the literal that the header names. */
function expectedSignature(
  request: SignedRequest,
  claim: Claim,
  secret: string,
  payloadHash: string,
): string {
  const headers = claim.signedHeaders
    .map(name => `${name}:${(header(request.headers, name) ?? '').trim().replace(/\s+/g, ' ')}\n`)
    .join('')
  const canonical = [
    request.method,
    canonicalPath(request.path, claim.service),
    canonicalQuery(request.query),
    headers,
    claim.signedHeaders.join(';'),
    payloadHash,
  ].join('\n')
  const toSign = [ALGORITHM, claim.date, scopeOf(claim), sha256(canonical)].join('\n')
  return hmac(signingKey(secret, claim), toSign).toString('hex')
}

/** The milliseconds of an `X-Amz-Date`; NaN when it is none. */
export const parseAmzDate = (date: string): number =>
  Date.parse(date.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z'))

/** Refuses a claim that is too old, too new, or whose presigned URL ran out at `now` (milliseconds). */
export function checkDate(claim: Claim, now: number): void {
  const at = parseAmzDate(claim.date)
  const stamp = `${claim.date} and the twin's clock says ${new Date(now).toISOString()}`
  if (Number.isNaN(at)) throw new WireError('IncompleteSignature', `X-Amz-Date ${claim.date} is not a date`)
  if (!claim.date.startsWith(claim.day))
    throw new WireError(
      'SignatureDoesNotMatch',
      `Credential is of ${claim.day} and the request of ${claim.date}`,
      403,
    )
  if (claim.expires !== undefined) {
    if (!(claim.expires >= 1 && claim.expires <= LONGEST_PRESIGNED_S))
      throw new WireError(
        'AuthorizationQueryParametersError',
        `X-Amz-Expires must be a number of seconds from 1 to ${LONGEST_PRESIGNED_S}`,
      )
    if (now < at - ALLOWED_SKEW_MS) throw new WireError('AccessDenied', 'Request is not valid yet', 403)
    if (now > at + claim.expires * 1000) throw new WireError('AccessDenied', 'Request has expired', 403)
    return
  }
  if (Math.abs(now - at) <= ALLOWED_SKEW_MS) return
  if (claim.service === 's3') {
    const message = 'The difference between the request time and the current time is too large.'
    throw new WireError('RequestTimeTooSkewed', message, 403)
  }
  throw new WireError('SignatureDoesNotMatch', `Signature expired: the request says ${stamp}`, 403)
}

// Without it a signed request could be sent to another host, or be given other members on its way.
function checkCoverage(request: SignedRequest, claim: Claim): void {
  const signed = new Set(claim.signedHeaders)
  const must = Object.keys(request.headers).filter(name => name === 'host' || name.startsWith('x-amz-'))
  const left = must.filter(name => !signed.has(name))
  if (left.length > 0) {
    const message = `There were headers present in the request which were not signed: ${left.join(', ')}`
    throw new WireError('AccessDenied', message, 403)
  }
}

/** Whether two texts are one, in a time that does not tell where they begin to differ. */
export function isSame(one: string, other: string): boolean {
  const [left, right] = [Buffer.from(one), Buffer.from(other)]
  return left.length === right.length && timingSafeEqual(left, right)
}

/** Refuses a signature that the secret did not make, or that leaves out a header which it must cover. */
export function checkSignature(
  request: SignedRequest,
  claim: Claim,
  secret: string,
  payloadHash: string,
): void {
  checkCoverage(request, claim)
  if (isSame(expectedSignature(request, claim, secret, payloadHash), claim.signature)) return
  const message =
    'The request signature we calculated does not match the signature you provided. Check your key and signing method.'
  throw new WireError('SignatureDoesNotMatch', message, 403)
}
