import { Refusal } from '../runtime/failure.ts'
import { shapeOf } from '../runtime/statement-shape.ts'
import { splitStatements } from './split.ts'

/** The message that the database's event trigger writes for each schema change; see sql/migrations/0102. */
export type Recorded = {
  readonly version: number
  readonly tag: string
  readonly query?: string
  readonly stack?: string
  readonly role?: string
  readonly searchPath?: string
  readonly statementAt?: string
  /** What was made, changed or dropped: at most some, and none where the statement found nothing to do. */
  readonly objects?: readonly ChangedObject[] | null
  /** Settings on which the meaning of the statement's constants depends. */
  readonly settings?: Readonly<Record<string, string>>
  /** The role and every role that the text may name, as they were then. */
  readonly roles?: readonly { readonly name: string; readonly memberOf: readonly string[] }[] | null
  /** The trigger could not describe the change. */
  readonly error?: string
}

/** As PostgreSQL identifies it, e.g. `table`, `public.item` and `item`; what a GRANT changes has no identity. */
export type ChangedObject = {
  readonly type: string
  readonly identity: string | null
  readonly name: string | null
}

/** Prefix of the logical message. */
export const PREFIX = 'holdfast.ddl'

/** What a copy must never do by itself: it would reach out to another database. */
const NEVER = ['CREATE SUBSCRIPTION', 'ALTER SUBSCRIPTION', 'DROP SUBSCRIPTION']

/** Changes of who may what: roles belong to the cluster and are not in the archive, so these may name a missing one. */
export const RIGHTS = ['GRANT', 'REVOKE', 'ALTER DEFAULT PRIVILEGES', 'COMMENT', 'SECURITY LABEL']

const COMMENT = /--[^\n]*|\/\*[\s\S]*?\*\//g

export type Replay =
  | { readonly kind: 'run'; readonly text: string }
  /** It came with another change, which brings it along. */
  | { readonly kind: 'brought' }
  | { readonly kind: 'withheld'; readonly reason: string }

/**
 * Finds, for each recorded change in turn, the statement that made it. A client may send many statements as one text,
 * or call a function that changes the schema; the trigger sees the whole text each time.
 * One object follows one transaction after the other, in order.
 */
export class SchemaChanges {
  #text = ''
  #at = ''
  #next = 0

  /** @throws Refusal `SchemaChangeUnclear` when no statement of the text made this change. */
  replay(recorded: Recorded): Replay {
    if (NEVER.includes(recorded.tag))
      return { kind: 'withheld', reason: `${recorded.tag} would make the copy reach for another database` }
    const text = nestedText(recorded.stack) ?? recorded.query
    // What the server said when it recorded this may quote rows: only that it failed is told.
    if (recorded.error !== undefined || text === undefined)
      throw unclear(recorded, 'its text was not recorded')
    const statements = lasting(splitStatements(text))
    const at = recorded.statementAt ?? ''
    if (text !== this.#text || at !== this.#at) this.#next = 0
    this.#text = text
    this.#at = at
    const index = findNext(statements, recorded, this.#next)
    const found = statements[index]
    if (found === undefined && statements.some(runsExtension)) return { kind: 'brought' }
    if (found === undefined)
      throw unclear(recorded, `no statement of "${shapeOf(text).slice(0, 200)}" is one`)
    this.#next = index + 1
    return { kind: 'run', text: withoutConcurrently(found) }
  }
}

/**
 * From where the last one was found, and around: a loop runs the same text again. A statement that found nothing to
 * drop left no record, so the first that names the object is meant, where one does.
 */
function findNext(statements: readonly string[], { tag, objects }: Recorded, from: number): number {
  const candidates = statements
    .map((_, step) => (from + step) % statements.length)
    .filter(index => makes(statements[index] ?? '', tag))
  const names = (objects ?? []).flatMap(({ name }) => (name === null ? [] : [name]))
  const named = candidates.find(index => names.some(name => mentions(statements[index] ?? '', name)))
  return named ?? candidates[0] ?? -1
}

function mentions(statement: string, name: string): boolean {
  const literal = name.replaceAll('"', '""').replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
  return new RegExp(`(?<![\\w$])${literal}(?![\\w$])`, 'i').test(statement)
}

const ROLLBACK =
  /^(?:rollback|abort)\b(?:\s+(?:work|transaction)\b)?(?:\s+to\s+(?:savepoint\s+)?("?)(.+?)\1$)?/i
const SAVEPOINT = /^savepoint\s+("?)(.+?)\1$/i
const COMMIT = /^(?:commit|end|prepare\s+transaction)\b/i

/** The statements of a text that a ROLLBACK in the same text did not take back. Outside functions a text runs straight on. */
function lasting(statements: readonly string[]): string[] {
  const kept: { statement: string; savepoint?: string | undefined }[] = []
  let committed = 0
  for (const statement of statements) {
    const bare = statement.replace(COMMENT, ' ').trim()
    const rollback = /^rollback\s+prepared\b/i.test(bare) ? null : ROLLBACK.exec(bare)
    const back = rollback?.[2]?.toLowerCase()
    if (rollback) {
      const mark = back === undefined ? -1 : kept.findLastIndex(({ savepoint }) => savepoint === back)
      kept.length = Math.max(committed, mark + 1)
    } else kept.push({ statement, savepoint: SAVEPOINT.exec(bare)?.[2]?.toLowerCase() })
    if (COMMIT.test(bare)) committed = kept.length
  }
  return kept.map(({ statement }) => statement)
}

/** An extension's own script makes, changes and drops what it likes. */
function runsExtension(statement: string): boolean {
  const [verb, thing] = leadingWords(statement)
  return (verb === 'CREATE' || verb === 'ALTER') && thing === 'EXTENSION'
}

/** Whether a statement is one that PostgreSQL tags so. */
function makes(statement: string, tag: string): boolean {
  const words = leadingWords(statement)
  if (isOfCluster(words.join(' ')) || (isGrant(tag) && !/\son\s/i.test(statement))) return false
  if (tag === 'SELECT INTO') return words[0] === 'SELECT' || words[0] === 'WITH'
  const [verb, ...thing] = tag.replace(/^CREATE TABLE AS$/, 'CREATE TABLE').split(' ')
  if (words[0] !== verb) return false
  if (/^(LOCAL|GLOBAL|TEMP|TEMPORARY)$/.test(words[1] ?? '')) return false
  if (thing[0] === 'EXTENSION') return words[1] === 'EXTENSION'
  // PostgreSQL tags ALTER and DROP by what the object is, which the statement may call by a wider name.
  if (verb !== 'CREATE') return true
  let at = 1
  for (const word of thing) {
    at = words.indexOf(word, at)
    if (at < 0) return false
    at++
  }
  return true
}

/** What belongs to no database sets off no event trigger. */
function isOfCluster(words: string): boolean {
  return /^(?:ALTER|DROP|COMMENT ON) (?:ROLE|USER(?! MAPPING)|GROUP|DATABASE|SYSTEM|TABLESPACE)\b/.test(words)
}

/** Of rights on something; the membership in a role is granted ON nothing. */
function isGrant(tag: string): boolean {
  return tag === 'GRANT' || tag === 'REVOKE'
}

function leadingWords(statement: string): string[] {
  return (
    statement
      .replace(COMMENT, ' ')
      .trim()
      .slice(0, 200)
      .toUpperCase()
      .match(/[A-Z_]+/g) ?? []
  ).slice(0, 8)
}

/** The text of a statement that a function ran, from PL/pgSQL's own account of where it is. */
function nestedText(stack: string | undefined): string | undefined {
  const found = /\nSQL statement "([\s\S]*?)"\n(?:PL\/pgSQL|SQL) function /.exec(stack ?? '')
  return found?.[1]
}

/** Working beside writers needs a transaction of its own, and a copy has no writers. */
function withoutConcurrently(statement: string): string {
  return statement
    .replace(/^(\s*(?:create\s+(?:unique\s+)?|drop\s+)index\s+)concurrently\s+/i, '$1')
    .replace(
      /^(\s*alter\s+table\s[\s\S]*\sdetach\s+partition\s[\s\S]*?)\s+(?:concurrently|finalize)\s*$/i,
      '$1',
    )
}

function unclear(recorded: Recorded, fact: string): Refusal {
  return new Refusal(
    'SchemaChangeUnclear',
    `a schema change (${recorded.tag}) cannot be repeated: ${fact}`,
    'roll forward to just before it, or take a base backup after it',
  )
}
