/** One word for a POSIX shell. */
export const quoteForShell = (word: string) => `'${word.replaceAll("'", `'\\''`)}'`

/** An identifier for SQL. */
export const quoteIdentifier = (name: string) => `"${name.replaceAll('"', '""')}"`

/** A string constant for SQL, whatever standard_conforming_strings says. */
export const quoteLiteral = (text: string) => {
  const quoted = `'${text.replaceAll("'", "''").replaceAll('\\', '\\\\')}'`
  return text.includes('\\') ? ` E${quoted}` : quoted
}
