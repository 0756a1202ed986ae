/** Comments, quoted things and statement ends, in the order in which a scanner must try them. */
const TOKEN =
  /--[^\n]*|\/\*|"(?:[^"]|"")*"|[eE]'(?:[^'\\]|\\[\s\S]|'')*'|'(?:[^']|'')*'|\$(?:[A-Za-z_][\w]*)?\$|\b(?:begin\s+atomic|case|end)\b|;/gi

/** The statements of a text that was sent as one, without empty ones. Bodies of functions stay whole. */
export function splitStatements(text: string): string[] {
  const statements: string[] = []
  const scanner = new RegExp(TOKEN.source, TOKEN.flags)
  let from = 0
  // Inside `begin atomic … end`, where a semicolon ends no statement of ours; a case … end may nest.
  let depth = 0
  const finish = (end: number) => {
    const statement = text.slice(from, end).trim()
    if (statement.replace(/--[^\n]*|\/\*[\s\S]*?\*\//g, '').trim() !== '') statements.push(statement)
    from = end + 1
    depth = 0
  }
  for (let match = scanner.exec(text); match; match = scanner.exec(text)) {
    const token = match[0].toLowerCase()
    if (token === '/*') scanner.lastIndex = endOfComment(text, match.index)
    else if (token.startsWith('$')) {
      const end = text.indexOf(match[0], scanner.lastIndex)
      scanner.lastIndex = end < 0 ? text.length : end + match[0].length
    } else if (token.startsWith('begin')) depth = 1
    else if (token === 'case' && depth > 0) depth++
    else if (token === 'end' && depth > 0) depth--
    else if (token === ';' && depth === 0) finish(match.index)
  }
  finish(text.length)
  return statements
}

/** Comments nest. */
function endOfComment(text: string, from: number): number {
  let depth = 0
  for (let at = from; at < text.length - 1; at++) {
    const pair = text.slice(at, at + 2)
    if (pair === '/*') depth++
    else if (pair === '*/' && --depth === 0) return at + 2
    if (pair === '/*' || pair === '*/') at++
  }
  return text.length
}
