import { WireError } from '../../wire/call.ts'
import type { Bucket } from './buckets.ts'
import type { Version } from './objects.ts'

const DAY_MS = 86_400_000

type LockWish = {
  readonly ObjectLockMode?: string
  readonly ObjectLockRetainUntilDate?: Date
  readonly ObjectLockLegalHoldStatus?: string
}

const invalid = (message: string) => new WireError('InvalidRequest', message)

/** Retention and hold of a new version: what the request asks, else the bucket's default. `now` in milliseconds. */
export function lockFor(
  bucket: Bucket,
  wish: LockWish,
  now: number,
): Pick<Version, 'retention' | 'legalHold'> {
  const { ObjectLockMode: mode, ObjectLockRetainUntilDate: until, ObjectLockLegalHoldStatus: hold } = wish
  if ((mode || until || hold) && !bucket.objectLock)
    throw invalid('Bucket is missing Object Lock Configuration')
  if (Boolean(mode) !== Boolean(until)) {
    throw new WireError(
      'InvalidArgument',
      'x-amz-object-lock-retain-until-date and x-amz-object-lock-mode must both be supplied',
    )
  }
  return { ...retentionFor(bucket, mode, until, now), ...(hold === 'ON' && { legalHold: true }) }
}

function retentionFor(
  bucket: Bucket,
  mode: string | undefined,
  until: Date | undefined,
  now: number,
): Pick<Version, 'retention'> {
  if (mode && until) return { retention: checkRetention(mode, until, now) }
  const chosen = bucket.objectLock?.defaultRetention
  if (!chosen) return {}
  const end = chosen.Years ? addYears(now, chosen.Years) : now + (chosen.Days ?? 0) * DAY_MS
  return { retention: { mode: chosen.Mode, until: new Date(end).toISOString() } }
}

/** What a policy may ask of the lock that a request gives. `now` in milliseconds. */
export function retentionContext(
  mode: string | undefined,
  until: Date | undefined,
  now: number,
): Record<string, string> {
  return {
    ...(mode && { 's3:object-lock-mode': mode }),
    ...(until && {
      's3:object-lock-retain-until-date': until.toISOString(),
      's3:object-lock-remaining-retention-days': String(Math.floor((until.getTime() - now) / DAY_MS)),
    }),
  }
}

function addYears(now: number, years: number): number {
  const end = new Date(now)
  end.setUTCFullYear(end.getUTCFullYear() + years)
  return end.getTime()
}

/** Reads a retention that a request gives; its end must lie ahead. */
export function checkRetention(mode: string, until: Date, now: number): NonNullable<Version['retention']> {
  if (mode !== 'GOVERNANCE' && mode !== 'COMPLIANCE') {
    throw new WireError('InvalidArgument', 'Unknown wormMode directive.')
  }
  if (until.getTime() <= now) {
    throw new WireError('InvalidArgument', 'The retain until date must be in the future!')
  }
  return { mode, until: until.toISOString() }
}

/** S3 wants proof of content for what it will keep unchangeable. */
export function assertLockedContentIsProven(
  lock: Pick<Version, 'retention' | 'legalHold'>,
  input: Record<string, unknown>,
): void {
  if (!lock.retention && !lock.legalHold) return
  const proven =
    input.ContentMD5 ||
    input.ChecksumAlgorithm ||
    Object.keys(input).some(name => /^Checksum(CRC|SHA)/.test(name))
  if (proven) return
  throw invalid(
    'Content-MD5 OR x-amz-checksum- HTTP header is required for Put Object requests with Object Lock parameters',
  )
}

const isRetained = (version: Version, now: number) =>
  version.retention !== undefined && Date.parse(version.retention.until) > now

const protectedError = () =>
  new WireError('AccessDenied', 'Access Denied because object protected by object lock.', 403)

/** Refuses to delete a version that is held or retained. `bypass`: the caller asked for, and may, bypass governance. */
export function assertDeletable(version: Version, bypass: boolean, now: number): void {
  if (version.legalHold) throw protectedError()
  if (!isRetained(version, now)) return
  if (version.retention?.mode === 'GOVERNANCE' && bypass) return
  throw protectedError()
}

/** The retention that a version gets by PutObjectRetention; shortening or loosening is refused as its mode says. */
export function changeRetention(
  version: Version,
  wish: { readonly Mode?: string; readonly RetainUntilDate?: Date } | undefined,
  bypass: boolean,
  now: number,
): Version['retention'] {
  const next =
    wish?.Mode && wish.RetainUntilDate ? checkRetention(wish.Mode, wish.RetainUntilDate, now) : undefined
  const held = isRetained(version, now) ? version.retention : undefined
  if (!held) return next
  const longer = next !== undefined && next.until >= held.until
  const sameOrStricter = next?.mode === held.mode || next?.mode === 'COMPLIANCE'
  if (longer && sameOrStricter) return next
  if (held.mode === 'GOVERNANCE' && bypass) return next
  throw protectedError()
}
