import { Refusal } from '../runtime/failure.ts'
import type { Placed } from '../runtime/segment/transactions.ts'

/** A change of the schema as the primary's event trigger recorded it; see sql/migrations/0311. */
export type Recorded = {
  readonly version: number
  readonly tag: string
  /** What may have made the change, and what ended a transaction beside it, in the text's order. */
  readonly statements?: readonly RecordedStatement[]
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

/** `redacted`: a password or the like was taken out of the text, which is not what ran any more. */
export type RecordedStatement = { readonly text: string; readonly redacted: boolean }

/** As PostgreSQL identifies it, e.g. `table`, `public.item` and `item`; what a GRANT changes has no identity. */
export type ChangedObject = {
  readonly type: string
  readonly identity: string | null
  readonly name: string | null
}

/** What a copy must never do by itself: it would reach out to another database. */
const NEVER = ['CREATE SUBSCRIPTION', 'ALTER SUBSCRIPTION', 'DROP SUBSCRIPTION']

/** Changes of who may what: roles belong to the cluster and are not in the archive, so these may name a missing one. */
export const RIGHTS = ['GRANT', 'REVOKE', 'ALTER DEFAULT PRIVILEGES', 'COMMENT', 'SECURITY LABEL']

/** What says something of an object and does nothing to it. */
const WORDS = ['COMMENT', 'SECURITY LABEL', 'CREATE USER MAPPING', 'ALTER USER MAPPING']

export type Replay =
  | { readonly kind: 'run'; readonly text: string }
  /** It came with another change, which brings it along. */
  | { readonly kind: 'brought' }
  | { readonly kind: 'withheld'; readonly reason: string }
  /** The copy has not what the primary has. */
  | { readonly kind: 'left out'; readonly reason: string }

/**
 * The change of the schema that a change of the stream is: a row of the table that only the owner's event trigger writes.
 * A logical message is none, whatever it says: anybody may write one.
 */
export function recordedIn({ change, relations }: Placed): Recorded | undefined {
  const [relation] = relations
  if (change.kind !== 'insert' || relation?.schema !== 'holdfast' || relation.name !== 'schema_change')
    return undefined
  const value = change.row[relation.columns.findIndex(({ name }) => name === 'record')]
  return JSON.parse(value ?? '{}')
}

/**
 * Finds, for each recorded change in turn, the statement that made it. A client may send many statements as one text,
 * and the trigger sees the whole text each time.
 * One object follows one transaction after the other, in order.
 */
export class SchemaChanges {
  /** Of the text whose changes came last: where the next one is looked for, by the statements kept of it. */
  #next = new Map<string, number>()
  #at = ''

  /** @throws Refusal `SchemaChangeUnclear` when no statement of the text made this change. */
  replay(recorded: Recorded): Replay {
    const { tag, error, statements } = recorded
    if (NEVER.includes(tag))
      return { kind: 'withheld', reason: `${tag} would make the copy reach for another database` }
    if (error !== undefined || statements === undefined)
      throw unclear(recorded, error ?? 'its text was not recorded')
    const at = recorded.statementAt ?? ''
    if (at !== this.#at) this.#next = new Map()
    this.#at = at
    const key = JSON.stringify(statements)
    const kept = lasting(statements)
    const texts = kept.map(({ text }) => text)
    const index = findNext(texts, recorded, this.#next.get(key) ?? 0)
    const found = kept[index]
    if (found === undefined && texts.some(runsExtension)) return { kind: 'brought' }
    if (found === undefined) throw unclear(recorded, 'no statement of its text is one')
    this.#next.set(key, index + 1)
    if (!found.redacted) return { kind: 'run', text: withoutConcurrently(found.text) }
    const reason = `${tag} with a password or a key, which the archive does not keep`
    return { kind: WORDS.includes(tag) ? 'withheld' : 'left out', reason }
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
function lasting(statements: readonly RecordedStatement[]): RecordedStatement[] {
  const kept: { statement: RecordedStatement; savepoint?: string | undefined }[] = []
  let committed = 0
  for (const statement of statements) {
    const { text } = statement
    const rollback = /^rollback\s+prepared\b/i.test(text) ? null : ROLLBACK.exec(text)
    const back = rollback?.[2]?.toLowerCase()
    if (rollback) {
      const mark = back === undefined ? -1 : kept.findLastIndex(({ savepoint }) => savepoint === back)
      kept.length = Math.max(committed, mark + 1)
    } else kept.push({ statement, savepoint: SAVEPOINT.exec(text)?.[2]?.toLowerCase() })
    if (COMMIT.test(text)) committed = kept.length
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
      .slice(0, 200)
      .toUpperCase()
      .match(/[A-Z_]+/g) ?? []
  ).slice(0, 8)
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
