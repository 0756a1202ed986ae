import type { Principal } from '../wire/call.ts'
import { checkSignature, parseAmzDate, readClaim, sha256 } from '../wire/signature.ts'

/** A key that may sign tokens, as the twin gave it out. */
export type TokenKey = {
  readonly principal: Principal
  readonly secretAccessKey: string
  readonly sessionToken?: string
  /** Milliseconds since the epoch. */
  readonly expires?: number
}

export type TokenCheck = {
  /** What the client gave as password: `host:port/?Action=connect&DBUser=…&X-Amz-…`, without a scheme. */
  readonly token: string
  readonly user: string
  readonly region: string
  /** Names and addresses by which this endpoint may be called. */
  readonly hosts: readonly string[]
  readonly port: number
  /** Milliseconds since the epoch. */
  readonly now: number
  readonly findKey: (accessKeyId: string) => TokenKey | undefined
}

/** A token is good for fifteen minutes at most, whatever it says of itself. */
const LIFETIME_SECONDS = 900
/** Clocks may differ by this much before a token counts as one from the future. */
const SKEW_MS = 5 * 60_000

/** Who signed the token, or the reason why it is refused: RDS tells the client only that PAM failed. */
export function checkToken(check: TokenCheck): { principal: Principal } | { reason: string } {
  const url = URL.canParse(`https://${check.token}`) ? new URL(`https://${check.token}`) : undefined
  if (!url?.searchParams.has('X-Amz-Signature')) return { reason: 'the password is no RDS token' }
  const { searchParams } = url
  // The port is compared as written: URL drops 443, which no instance has.
  const host = check.token.slice(0, check.token.indexOf('/'))
  const request = { method: 'GET', path: '/', query: url.search.slice(1), headers: { host } }
  try {
    const claim = readClaim(request)
    if (!claim) return { reason: 'the token is not signed' }
    if (searchParams.get('Action') !== 'connect') return { reason: 'the token is for another action' }
    if (searchParams.get('DBUser') !== check.user)
      return { reason: `the token is for the user ${searchParams.get('DBUser')}` }
    if (claim.service !== 'rds-db') return { reason: `the token is for the service ${claim.service}` }
    if (claim.region !== check.region) return { reason: `the token is for the region ${claim.region}` }
    if (!check.hosts.some(name => host === `${name}:${check.port}`))
      return { reason: `the token is for ${host}` }
    const at = parseAmzDate(claim.date)
    const lifetime = Math.min(claim.expires ?? LIFETIME_SECONDS, LIFETIME_SECONDS) * 1000
    if (!(check.now <= at + lifetime)) return { reason: 'the token has expired' }
    if (at > check.now + SKEW_MS) return { reason: 'the token is from the future' }
    const key = check.findKey(claim.accessKeyId)
    if (!key || (key.expires !== undefined && key.expires < check.now))
      return { reason: `the access key ${claim.accessKeyId} is unknown or has expired` }
    if ((key.sessionToken ?? undefined) !== claim.sessionToken)
      return { reason: 'the session token is another' }
    checkSignature(request, claim, key.secretAccessKey, sha256(''))
    return { principal: key.principal }
  } catch (error) {
    return { reason: (error as Error).message }
  }
}
