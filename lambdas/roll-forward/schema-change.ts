import { Refusal } from '../runtime/failure.ts'
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
  /** The trigger could not describe the change. */
  readonly error?: string
}

/** Prefix of the logical message. */
export const PREFIX = 'holdfast.ddl'

/** What a copy must never do by itself: it would reach out to another database. */
const NEVER = ['CREATE SUBSCRIPTION', 'ALTER SUBSCRIPTION', 'DROP SUBSCRIPTION']

/** Changes of who may what: roles belong to the cluster and are not in the archive, so these may name a missing one. */
export const RIGHTS = ['GRANT', 'REVOKE', 'ALTER DEFAULT PRIVILEGES', 'COMMENT', 'SECURITY LABEL']

export type Replay =
  | {
      readonly kind: 'run'
      readonly text: string
      readonly role: string | undefined
      readonly searchPath: string | undefined
    }
  | { readonly kind: 'left out'; readonly reason: string }

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
      return { kind: 'left out', reason: `${recorded.tag} would make the copy reach for another database` }
    const text = nestedText(recorded.stack) ?? recorded.query
    if (recorded.error !== undefined || text === undefined)
      throw unclear(recorded, recorded.error ?? 'its text was not recorded')
    const statements = splitStatements(text)
    const at = recorded.statementAt ?? ''
    if (text !== this.#text || at !== this.#at) this.#next = 0
    this.#text = text
    this.#at = at
    const index = findNext(statements, recorded.tag, this.#next)
    const found = statements[index]
    if (found === undefined) throw unclear(recorded, `no statement of "${text.slice(0, 200)}" is one`)
    this.#next = index + 1
    return {
      kind: 'run',
      text: withoutConcurrently(found),
      role: recorded.role,
      searchPath: recorded.searchPath,
    }
  }
}

/** From where the last one was found, and around: a loop runs the same text again. */
function findNext(statements: readonly string[], tag: string, from: number): number {
  for (let step = 0; step < statements.length; step++) {
    const index = (from + step) % statements.length
    if (makes(statements[index] ?? '', tag)) return index
  }
  return -1
}

/** Whether a statement is one that PostgreSQL tags so. */
function makes(statement: string, tag: string): boolean {
  const words = leadingWords(statement)
  if (tag === 'SELECT INTO') return words[0] === 'SELECT' || words[0] === 'WITH'
  const [verb, ...thing] = tag.replace(/^CREATE TABLE AS$/, 'CREATE TABLE').split(' ')
  if (words[0] !== verb) return false
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

function leadingWords(statement: string): string[] {
  return (
    statement
      .replace(/--[^\n]*|\/\*[\s\S]*?\*\//g, ' ')
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

/** Building beside writers needs a transaction of its own, and a copy has no writers. */
function withoutConcurrently(statement: string): string {
  return statement.replace(/^(\s*(?:create\s+(?:unique\s+)?|drop\s+)index\s+)concurrently\s+/i, '$1')
}

function unclear(recorded: Recorded, fact: string): Refusal {
  return new Refusal(
    'SchemaChangeUnclear',
    `a schema change (${recorded.tag}) cannot be repeated: ${fact}`,
    'roll forward to just before it, or take a base backup after it',
  )
}
