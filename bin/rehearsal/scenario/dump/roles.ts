import type pg from 'pg'
import { Refused, runBytes } from './wire.ts'

const ROLE = String.raw`(?:"(?:[^"]|"")+"|[a-z_\x80-\xff][\w$\x80-\xff]*)`
const LIST = `(${ROLE}(?:\\s*,\\s*${ROLE})*)`

/** Where a statement names roles that must be there, by how it begins. */
const NAMING: readonly { readonly begins: RegExp; readonly names: RegExp }[] = [
  { begins: /^alter\s/i, names: new RegExp(`\\sowner\\s+to\\s+${LIST}\\s*$`, 'gi') },
  {
    begins: /^(grant|revoke)\s/i,
    names: new RegExp(
      `\\s(?:to|from|granted\\s+by)\\s+(?:group\\s+)?${LIST}(?=\\s*$|\\s+(?:with|granted|cascade|restrict)\\b)`,
      'gi',
    ),
  },
  {
    begins: /^alter\s+default\s+privileges\s/i,
    names: new RegExp(`\\s(?:for\\s+(?:role|user)|to|from)\\s+${LIST}`, 'gi'),
  },
  {
    begins: /^(create|alter)\s+policy\s/i,
    names: new RegExp(`\\sto\\s+${LIST}(?=\\s*$|\\s+(?:using|with)\\b)`, 'gi'),
  },
  { begins: /^create\s+schema\s/i, names: new RegExp(`\\sauthorization\\s+${LIST}`, 'gi') },
  {
    begins: /^(create|alter)\s+user\s+mapping\s/i,
    names: new RegExp(`\\sfor\\s+${LIST}\\s+server\\b`, 'gi'),
  },
]

const NO_ROLES = new Set(['public', 'current_user', 'session_user', 'current_role', 'user'])
const ALREADY_THERE = '42710'

/**
 * Creates the roles, without login, that the statement names and the database lacks; gives their names as written.
 * The bytes of a name stay as the dump has them: the server knows in which encoding they are.
 */
export async function createRoles(client: pg.Client, text: string): Promise<string[]> {
  const made: string[] = []
  const named = NAMING.filter(({ begins }) => begins.test(text)).flatMap(({ names }) => [
    ...text.matchAll(names),
  ])
  const roles = named.flatMap(match => (match[1] ?? '').match(new RegExp(ROLE, 'gi')) ?? [])
  for (const role of new Set(roles)) {
    if (NO_ROLES.has(role.toLowerCase())) continue
    if (await create(client, role)) made.push(role)
  }
  return made
}

async function create(client: pg.Client, role: string): Promise<boolean> {
  const bytes = (sql: string) => [Buffer.from(sql, 'latin1')]
  try {
    // Giving an object away needs membership with SET in the role that receives it.
    await runBytes(
      client,
      bytes(
        `savepoint holdfast_role; create role ${role}; grant ${role} to current_user; release savepoint holdfast_role`,
      ),
    )
    return true
  } catch (error) {
    await runBytes(client, bytes('rollback to savepoint holdfast_role; release savepoint holdfast_role'))
    if (error instanceof Refused && error.code === ALREADY_THERE) return false
    throw error
  }
}
