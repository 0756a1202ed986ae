/**
 * What may be said of a database server's error. Its message, detail, hint, context and even the names in it are made
 * of rows and of what users wrote into functions: a cast that fails quotes the value, and RAISE says whatever it is
 * told. So none of them leaves a function, neither in an answer nor in a log: only the SQLSTATE does, and what the
 * documentation says that it means. What the statement was about says the one who asked it, from its own catalog.
 */

/** Codes that somebody may have to act on, in words. Any other is told by its class. */
const CODES: Readonly<Record<string, string>> = {
  '08006': 'the connection was lost',
  '0A000': 'the server cannot do that',
  '21000': 'a subquery gave more than one row',
  '22003': 'a number is out of its range',
  '22012': 'a division by zero',
  '22P02': 'a text is no value of the type that it was cast to',
  '23502': 'a value is missing that must not be null',
  '23503': 'a foreign key forbids it',
  '23505': 'a unique key forbids it',
  '23514': 'a check forbids it',
  '25006': 'the transaction only reads',
  '28000': 'the login was refused',
  '28P01': 'the password was refused',
  '3D000': 'there is no such database',
  '3F000': 'there is no such schema',
  '40001': 'it met a concurrent change',
  '40P01': 'a deadlock',
  '42501': 'the right is missing, or a row policy would hide rows',
  '42601': 'the statement has a syntax error',
  '42703': 'there is no such column',
  '42704': 'there is no such object',
  '42710': 'the object exists already',
  '42804': 'the types do not fit',
  '42809': 'the object is of another kind',
  '42883': 'there is no such function or operator',
  '42P01': 'there is no such table',
  '42P07': 'the table exists already',
  '53100': 'the disk is full',
  '53200': 'the server is out of memory',
  '53300': 'the server has too many connections',
  '55000': 'the object, or the server, is not in the state for it',
  '55006': 'the object is in use',
  '55P03': 'a lock could not be had in time',
  '57014': 'it was cancelled, by its time limit or by somebody',
  '57P01': 'the server is shutting down',
  '57P02': 'the server crashed',
  '57P03': 'the server takes no connections now',
  '57P05': 'the session was idle for too long',
  '58P01': 'a file is missing',
  P0001: 'a function raised an error of its own',
  P0002: 'no row was found',
  XX000: 'an internal error',
  XX001: 'the data is corrupted',
  XX002: 'the index is corrupted',
}

/** Classes of SQLSTATE in words: appendix A of PostgreSQL's documentation. */
const CLASSES: Readonly<Record<string, string>> = {
  '08': 'connection',
  '09': 'a trigger',
  '0A': 'not supported',
  '0L': 'grantor',
  '0P': 'role',
  '20': 'case not found',
  '21': 'cardinality',
  '22': 'data',
  '23': 'an integrity constraint',
  '24': 'cursor state',
  '25': 'transaction state',
  '26': 'statement name',
  '27': 'a trigger changed the data',
  '28': 'login',
  '2B': 'dependent privileges',
  '2D': 'transaction termination',
  '2F': 'a routine in SQL',
  '34': 'cursor name',
  '38': 'an external routine',
  '39': 'a call of an external routine',
  '3B': 'savepoint',
  '3D': 'database name',
  '3F': 'schema name',
  '40': 'transaction rollback',
  '42': 'syntax or access rule',
  '44': 'a check option',
  '53': 'resources',
  '54': 'a limit of the program',
  '55': 'object state',
  '57': 'intervention of an operator',
  '58': 'the system outside the server',
  F0: 'configuration file',
  HV: 'a foreign data wrapper',
  P0: 'PL/pgSQL',
  XX: 'internal',
}

/** Whether a server said it, by the fields that the driver gives to every such error. */
export function isServerError(error: unknown): error is Error & { readonly code?: unknown } {
  // Whatever the server left out is there and undefined.
  return error instanceof Error && 'severity' in error && 'routine' in error
}

/** The SQLSTATE of an error or of one of its causes; empty when no server said one. */
export function sqlstateOf(error: unknown): string {
  for (let at = error; at instanceof Error; at = at.cause)
    if (isServerError(at) && typeof at.code === 'string') return at.code
  return ''
}

/** `SQLSTATE 22P02 (a text is …)`. RAISE can put any five characters there, so that only known ones are repeated. */
export function saidOfState(code: unknown): string {
  if (typeof code !== 'string' || !/^[0-9A-Z]{5}$/.test(code)) return 'the server said no SQLSTATE'
  const words = Object.hasOwn(CODES, code) ? CODES[code] : undefined
  if (words !== undefined) return `SQLSTATE ${code}: ${words}`
  const group = code.slice(0, 2)
  const kind = Object.hasOwn(CLASSES, group) ? CLASSES[group] : undefined
  return kind === undefined
    ? 'an SQLSTATE that is not PostgreSQL’s own'
    : `SQLSTATE of class ${group}: ${kind}`
}
