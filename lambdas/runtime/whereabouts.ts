import { COPY_PREFIX, PROVING_PREFIX } from '../restore-drill/names.ts'
import { Refusal } from './failure.ts'

/** A database to ask; see `Endpoint` of the examination. */
type Address = {
  readonly identifier: string
  readonly host: string
  readonly port: number
  readonly database: string
}

/** What the stack says of the living instance of this region. An event's word never replaces it. */
export type Reference = Address & {
  /** The environment, which its drills' copies are called after. */
  readonly name: string
}

const HINT = 'give identifier, host, port and database as RDS describes them; nothing was connected to'

/**
 * A copy's address as it may be connected to. RDS builds an instance's host from its identifier and a suffix that is one
 * for all instances of an account in a region, and its certificate, which the driver verifies, names that host: so a host
 * that is the reference's with the identifier exchanged is this instance or does not answer. Any other is refused before
 * a connection is made, the reference itself under a copy's name too.
 * @throws Refusal `NotACopy`
 */
export function refuseForeignCopy(copy: Address, reference: Reference): void {
  const ours = [`${COPY_PREFIX}${reference.name}-`, PROVING_PREFIX]
  if (!ours.some(prefix => copy.identifier.startsWith(prefix)))
    throw new Refusal(
      'NotACopy',
      `${shown(copy.identifier)} is no copy of ${reference.name}: its name begins with none of ${ours.join(', ')}`,
      HINT,
    )
  if (!isIdentifier(copy.identifier) || copy.host !== hostOf(copy.identifier, reference))
    throw new Refusal(
      'NotACopy',
      `${shown(copy.host)} is not the host of ${shown(copy.identifier)}, which is ${shown(hostOf(copy.identifier, reference))}`,
      HINT,
    )
  if (copy.database !== reference.database)
    throw new Refusal(
      'NotACopy',
      `the database ${shown(copy.database)} is not ${reference.name}'s, ${reference.database}`,
      HINT,
    )
  if (copy.host === reference.host && copy.port === reference.port)
    throw new Refusal(
      'NotACopy',
      `${copy.identifier} has the address of ${reference.identifier}, ${reference.host}:${reference.port}`,
      HINT,
    )
}

/** @throws Refusal `NotThePrimary` unless the event means the very instance that the stack names */
export function refuseForeignPrimary(primary: Address, reference: Reference): void {
  const differs = (['identifier', 'host', 'port', 'database'] as const).find(
    field => primary[field] !== reference[field],
  )
  if (differs === undefined) return
  throw new Refusal(
    'NotThePrimary',
    `the ${differs} ${shown(primary[differs])} is not that of ${reference.identifier}, ${reference[differs]}`,
    HINT,
  )
}

/** RDS's own rule: lower-case letters, digits and single hyphens. */
function isIdentifier(text: string): boolean {
  return text.length <= 63 && /^[a-z](-?[a-z0-9])*$/.test(text)
}

/** A reference that is called by an address and not by its name has the host of all its copies. */
function hostOf(identifier: string, { identifier: known, host }: Reference): string {
  return host.startsWith(`${known}.`) ? `${identifier}${host.slice(known.length)}` : host
}

/** An event's text as a sentence may repeat it. */
function shown(value: string | number): string {
  return JSON.stringify(value).slice(0, 100)
}
