import { quoteLiteral } from './quote.ts'

/** Words, quoted things, comments and statement ends, in the order in which a scanner must try them. */
const TOKEN =
  /--[^\n]*|\/\*|"(?:[^"]|"")*"|\b[eE]'(?:[^'\\]|\\.|'')*'|'(?:[^']|'')*'|\$([A-Za-z_\x80-\xff][\w\x80-\xff]*)?\$|[A-Za-z_\x80-\xff][\w$\x80-\xff]*|;/g

type Edit = { readonly from: number; readonly to: number; readonly text: string }

/** Whether a statement may be about an event trigger: a cheap question for every statement that passes. */
export const mayNameEventTrigger = (sql: string) => /event\s+trigger/i.test(sql)

/**
 * Hands each `CREATE | ALTER | DROP | COMMENT ON EVENT TRIGGER` of the text to the definer procedure that runs it
 * as rdsadmin, within the same transaction. PostgreSQL keeps event triggers for superusers; RDS gives them to
 * rds_superuser. Statements inside the bodies of DO blocks, functions and procedures are found too; text in
 * quoted strings (a dynamic EXECUTE) is not.
 */
export function handOverEventTriggers(sql: string): string {
  return apply(sql, findEdits(sql, false))
}

function apply(sql: string, edits: readonly Edit[]): string {
  let result = ''
  let at = 0
  for (const edit of edits) {
    result += sql.slice(at, edit.from) + edit.text
    at = edit.to
  }
  return result + sql.slice(at)
}

function findEdits(sql: string, isBody: boolean): Edit[] {
  const edits: Edit[] = []
  // The latest words with their places, and the words with which the current statement began.
  let words: { readonly word: string; readonly at: number }[] = []
  let opening: string[] = []
  let start: number | undefined
  TOKEN.lastIndex = 0
  const scanner = new RegExp(TOKEN.source, TOKEN.flags)
  const finish = (end: number) => {
    if (start !== undefined) {
      const statement = sql.slice(start, end).trimEnd()
      edits.push({ from: start, to: start + statement.length, text: call(statement) })
    }
    start = undefined
    words = []
    opening = []
  }
  for (let match = scanner.exec(sql); match; match = scanner.exec(sql)) {
    const [token] = match
    if (token === '/*') scanner.lastIndex = endOfComment(sql, match.index)
    else if (token === ';') finish(match.index)
    else if (/^\$.*\$$/s.test(token) && token.startsWith('$')) {
      const end = sql.indexOf(token, scanner.lastIndex)
      if (end < 0) break
      const from = scanner.lastIndex
      if (start === undefined && (isBody || isCode(opening)))
        for (const edit of findEdits(sql.slice(from, end), true))
          edits.push({ from: edit.from + from, to: edit.to + from, text: edit.text })
      scanner.lastIndex = end + token.length
    } else if (/^[A-Za-z_]/.test(token) && !/'$/.test(token)) {
      const word = token.toLowerCase()
      words = [...words.slice(-3), { word, at: match.index }]
      if (opening.length < 4) opening.push(word)
      if (word === 'trigger') start ??= startOf(words)
    }
  }
  finish(sql.length)
  return edits
}

/** Where the statement begins whose words end in `… event trigger`; undefined when it is none. */
function startOf(words: readonly { readonly word: string; readonly at: number }[]): number | undefined {
  const [first, second, third] = words.slice(-4)
  const last = words.at(-2)
  if (last?.word !== 'event') return undefined
  const verb = words.at(-3)
  if (verb && ['create', 'alter', 'drop'].includes(verb.word)) return verb.at
  if (words.length === 4 && first?.word === 'comment' && second?.word === 'on' && third?.word === 'event')
    return first.at
  return undefined
}

const isCode = (opening: readonly string[]) =>
  opening[0] === 'do' ||
  (opening[0] === 'create' && opening.slice(1).some(word => word === 'function' || word === 'procedure'))

/** Comments nest. */
function endOfComment(sql: string, from: number): number {
  let depth = 0
  for (let at = from; at < sql.length - 1; at++) {
    const pair = sql.slice(at, at + 2)
    if (pair === '/*') depth++
    else if (pair === '*/' && --depth === 0) return at + 2
    if (pair === '/*' || pair === '*/') at++
  }
  return sql.length
}

const call = (statement: string) => `call pg_catalog.rds_event_trigger_statement(${quoteLiteral(statement)})`
