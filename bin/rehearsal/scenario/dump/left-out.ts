/** Statements that are never run, by how they begin, and why. */
const NEVER: readonly (readonly [RegExp, string])[] = [
  [/^(create|alter|drop|comment\s+on)\s+database\b/i, 'the rehearsal has its database already'],
  [/^(create|alter|drop|comment\s+on)\s+subscription\b/i, 'it would follow another server'],
  [/^(create|alter|drop|comment\s+on)\s+tablespace\b/i, 'the twin has one tablespace'],
  [/^(vacuum|checkpoint)\b/i, 'it changes nothing of the data'],
  [/^set\s+(local\s+)?transaction\b|^set\s+session\s+characteristics\b/i, 'the load is one transaction'],
]

type Harmless = { readonly codes: readonly string[]; readonly begins: RegExp; readonly reason: string }

const IS_MISSING = ['42P01', '42704', '42883', '3F000', '42703', '42P16']

/** Refusals after which the data is still all of the dump's, by SQLSTATE and statement. Any other refuses the dump. */
const HARMLESS: readonly Harmless[] = [
  {
    codes: ['22023', '42704'],
    begins: /^set\s+default_tablespace\b/i,
    reason: 'the twin has one tablespace',
  },
  {
    codes: ['42P06'],
    begins: /^create\s+schema\s+(if\s+not\s+exists\s+)?"?public"?(\s|$)/i,
    reason: 'the schema is there already',
  },
  {
    codes: ['2BP01'],
    begins: /^drop\s+schema\s+(if\s+exists\s+)?"?public"?(\s|$)/i,
    reason: 'other things stand in it',
  },
  {
    codes: IS_MISSING,
    begins:
      /^drop\s|^select\s+pg_catalog\.lo_unlink\b|^alter\s+table\s[\s\S]*\s(drop\s+constraint|drop\s+default)\b/i,
    reason: 'there is nothing to drop',
  },
  {
    codes: ['42501'],
    begins: /^(comment\s+on\s+extension|alter\s+extension|drop\s+extension)\b/i,
    reason: 'only its owner may',
  },
  // A superuser may make a role own what it could not have made there; a database's owner on RDS may not.
  {
    codes: ['42501', '0LP01'],
    begins: /^alter\s[\s\S]*\sowner\s+to\s/i,
    reason: 'its owner in the dump may not own it here; the loading user keeps it',
  },
  { codes: ['42501'], begins: /^(grant|revoke)\s/i, reason: 'only the owner of the object may' },
  { codes: ['42501'], begins: /^alter\s+default\s+privileges\b/i, reason: 'only that role may' },
  { codes: ['42501'], begins: /^create\s+publication\b/i, reason: 'only a superuser may publish all tables' },
  {
    codes: ['42501', '22023'],
    begins: /^set\s+(session\s+authorization|role)\b/i,
    reason: 'the loading user makes everything',
  },
  {
    codes: ['0A000', '22023'],
    begins: /\sset\s+compression\s+lz4\b|^set\s+default_toast_compression\b/i,
    reason: 'this build of PostgreSQL has no lz4; the values are the same',
  },
  {
    codes: ['42710'],
    begins: /^create\s+(publication|event\s+trigger)\s+"?holdfast_/i,
    reason: 'the environment has it already',
  },
]

/** Extensions that only AWS has and that hold nothing of the data. */
const OF_AWS = /^(aws_\w+|apg_\w+|rds_\w+|log_fdw|pg_transport|flow_control)$/i
const IS_UNAVAILABLE = ['0A000', '58P01']

/** What was left out so far, as far as later statements depend on it. */
export type LeftOut = { readonly extensions: Set<string> }

/** Why the statement is not run at all, or undefined. */
export function whyNever(head: string): string | undefined {
  return NEVER.find(([begins]) => begins.test(head))?.[1]
}

/** Why the load may go on after PostgreSQL refused the statement so, or undefined. */
export function whyHarmless(code: string, head: string, left: LeftOut): string | undefined {
  const extension = extensionOf(head)
  if (extension !== undefined && IS_UNAVAILABLE.includes(code) && OF_AWS.test(extension)) {
    left.extensions.add(extension)
    return 'only RDS has this extension'
  }
  const named = /^(?:comment\s+on|alter)\s+extension\s+"?([\w-]+)/i.exec(head)?.[1]
  if (named !== undefined && left.extensions.has(named)) return 'its extension was left out'
  return HARMLESS.find(({ codes, begins }) => codes.includes(code) && begins.test(head))?.reason
}

/** The extension that the statement creates. */
export function extensionOf(head: string): string | undefined {
  return /^create\s+extension\s+(?:if\s+not\s+exists\s+)?"?([\w-]+)/i.exec(head)?.[1]
}
