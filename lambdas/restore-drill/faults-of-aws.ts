import { Refusal, Transient } from '../runtime/failure.ts'

const TRANSIENT = new Set([
  'Throttling',
  'ThrottlingException',
  'RequestLimitExceeded',
  'TooManyRequestsException',
  'ServiceUnavailable',
  'InternalFailure',
  'InternalError',
  'TimeoutError',
  'ECONNRESET',
  'ECONNREFUSED',
  'EPIPE',
  'NetworkingError',
])

/** True when the same call may succeed later. Decided by name and status, never by the text. */
export function isTransient(error: unknown): boolean {
  if (error instanceof Transient) return true
  if (!(error instanceof Error)) return false
  const { code, $metadata } = error as { code?: string; $metadata?: { httpStatusCode?: number } }
  // The SDK puts metadata on whatever a call threw; without a status no answer arrived, and the call may have happened.
  const unanswered = $metadata !== undefined && $metadata.httpStatusCode === undefined
  return (
    unanswered ||
    TRANSIENT.has(error.name) ||
    TRANSIENT.has(code ?? '') ||
    ($metadata?.httpStatusCode ?? 0) >= 500
  )
}

const HINTS: Readonly<Record<string, string>> = {
  DBInstanceNotFoundFault: 'check the identifier and the region, or deploy the database stack',
  DBInstanceNotFound: 'check the identifier and the region, or deploy the database stack',
  DBSnapshotNotFoundFault: 'list the snapshots with aws rds describe-db-snapshots and name one of them',
  DBSnapshotNotFound: 'list the snapshots with aws rds describe-db-snapshots and name one of them',
  InvalidDBInstanceStateFault: 'wait until the instance is available, then drill again',
  InvalidDBInstanceState: 'wait until the instance is available, then drill again',
  InvalidDBSnapshotStateFault: 'choose a snapshot whose status is available',
  InstanceQuotaExceededFault: 'delete instances that are not needed or raise the RDS instance quota',
  InstanceQuotaExceeded: 'delete instances that are not needed or raise the RDS instance quota',
  StorageQuotaExceededFault: 'raise the RDS storage quota of this region',
  StorageQuotaExceeded: 'raise the RDS storage quota of this region',
  InsufficientDBInstanceCapacityFault: 'try again later, or choose another class for the drill',
  PointInTimeRestoreNotEnabledFault: 'set a backup retention above zero on the source',
  PointInTimeRestoreNotEnabled: 'set a backup retention above zero on the source',
  InvalidRestoreFault: 'choose a moment inside the restorable window',
  KMSKeyNotAccessibleFault: 'enable the key and let this function use it',
  KMSKeyNotAccessible: 'enable the key and let this function use it',
  KMSInvalidStateException: 'enable the evidence key',
  DisabledException: 'enable the evidence key',
  NotFoundException: 'deploy the stack again: the key is gone',
  AccessDenied: "compare the function's role with the deployed template",
  AccessDeniedException: "compare the function's role with the deployed template",
  NoSuchBucket: 'deploy the stack again: the bucket is gone',
}

/** Turns what AWS answered into a sentence with the act, the answer and one step; transient answers stay transient. */
export function explained(doing: string, error: unknown): Error {
  if (!(error instanceof Error)) return new Error(`${doing}: ${String(error)}`)
  if (error instanceof Refusal) return error
  const { $metadata } = error as { $metadata?: { requestId?: string } }
  const asked = $metadata?.requestId === undefined ? '' : ` (request ${$metadata.requestId})`
  const fact = `${doing}: ${error.name}: ${error.message}${asked}`
  if (isTransient(error)) return new Transient(error.name, fact)
  const hint = HINTS[error.name]
  return hint === undefined ? new Error(fact) : new Refusal(error.name, fact, hint)
}

/** Runs the call; what it throws says what was being done. */
export async function doing<T>(what: string, call: () => Promise<T>): Promise<T> {
  try {
    return await call()
  } catch (error) {
    throw explained(what, error)
  }
}
