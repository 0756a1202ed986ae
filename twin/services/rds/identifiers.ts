import { randomBytes } from 'node:crypto'
import { WireError } from '../../wire/call.ts'

const RULE =
  'Identifiers must begin with a letter; must contain only ASCII letters, digits, and hyphens; and must not end with a hyphen or contain two consecutive hyphens.'

/** An identifier in lower case. @throws InvalidParameterValue when it breaks RDS's rule or is too long */
export function checkIdentifier(parameter: string, value: string | undefined, longest = 63): string {
  const id = (value ?? '').toLowerCase()
  if (!/^[a-z](-?[a-z0-9])*$/.test(id) || id.length > longest)
    throw new WireError(
      'InvalidParameterValue',
      `The parameter ${parameter} is not a valid identifier. ${RULE}`,
    )
  return id
}

/** @throws InvalidParameterValue */
export function checkPassword(password: string): void {
  if (password.length < 8 || password.length > 128)
    throw new WireError(
      'InvalidParameterValue',
      'The parameter MasterUserPassword is not a valid password because it is shorter than 8 characters or longer than 128.',
    )
  if (/[/"@ ]|[^\x21-\x7e]/.test(password))
    throw new WireError(
      'InvalidParameterValue',
      `The parameter MasterUserPassword is not a valid password. Only printable ASCII characters besides '/', '@', '"', ' ' may be used.`,
    )
}

const RESERVED_USERS = [
  'rdsadmin',
  'rds_superuser',
  'rds_iam',
  'rds_replication',
  'rds_password',
  'admin',
  'public',
  'none',
]

/** @throws InvalidParameterValue */
export function checkMasterUser(user: string): void {
  if (!/^[A-Za-z]\w{0,62}$/.test(user))
    throw new WireError(
      'InvalidParameterValue',
      `The parameter MasterUsername must begin with a letter and contain only letters, digits and underscores.`,
    )
  if (RESERVED_USERS.includes(user.toLowerCase()) || /^pg_/i.test(user))
    throw new WireError(
      'InvalidParameterValue',
      `MasterUsername ${user} cannot be used as it is a reserved word used by the engine`,
    )
}

/** @throws InvalidParameterValue */
export function checkRetention(days: number): void {
  if (!Number.isInteger(days) || days < 0 || days > 35)
    throw new WireError(
      'InvalidParameterValue',
      `Invalid backup retention period: ${days}. The retention period must be between 0 and 35 days.`,
    )
}

/** @throws InvalidParameterValue unless `hh24:mi-hh24:mi` and at least half an hour */
export function checkBackupWindow(window: string): void {
  const match = /^([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)$/.exec(window)
  if (!match)
    throw new WireError(
      'InvalidParameterValue',
      `Invalid backup window: ${window}. It must have the form hh24:mi-hh24:mi.`,
    )
  const [from, to] = [Number(match[1]) * 60 + Number(match[2]), Number(match[3]) * 60 + Number(match[4])]
  if ((to - from + 1440) % 1440 < 30)
    throw new WireError('InvalidParameterValue', 'The backup window must be at least 30 minutes.')
}

/** @throws InvalidParameterValue unless `ddd:hh24:mi-ddd:hh24:mi` */
export function checkMaintenanceWindow(window: string): void {
  const end = '(mon|tue|wed|thu|fri|sat|sun):([01]\\d|2[0-3]):[0-5]\\d'
  if (!new RegExp(`^${end}-${end}$`, 'i').test(window))
    throw new WireError(
      'InvalidParameterValue',
      `Invalid maintenance window: ${window}. It must have the form ddd:hh24:mi-ddd:hh24:mi.`,
    )
}

const BASE32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'

/** `db-` and 26 characters, as RDS gives every instance one for life. */
export const newResourceId = (prefix = 'db-') =>
  prefix + [...randomBytes(26)].map(byte => BASE32[byte % 32] ?? 'A').join('')
