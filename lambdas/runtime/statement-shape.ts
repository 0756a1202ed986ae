/**
 * A statement as it may be shown: with its words and names, without what was written between quotes, its numbers and
 * its comments, which are rows, passwords and people's words. pg_stat_statements leaves constants out of what it keeps,
 * but not of utility statements, nor always. A text that was cut off may end anywhere.
 */
export function shapeOf(text: string): string {
  let shape = ''
  for (let at = 0; at < text.length; ) {
    if (text.startsWith('/*', at)) {
      at = endOfComment(text, at)
      shape += ' '
      continue
    }
    TOKEN.lastIndex = at
    const found = TOKEN.exec(text)
    const token = found?.[0] ?? text[at] ?? ''
    shape += found?.groups?.comment !== undefined ? ' ' : found?.groups?.constant !== undefined ? '?' : token
    at += token.length
  }
  return shape.replace(/\s+/g, ' ').trim()
}

/** Comments, constants, and what is kept whole lest a part of it looks like one: names, quoted names, parameters. */
const TOKEN = new RegExp(
  [
    String.raw`(?<comment>--[^\n]*)`,
    String.raw`(?<constant>e'(?:[^'\\]|\\[\s\S]|'')*(?:'|$)|(?:u&|[bxn])?'(?:[^']|'')*(?:'|$)|\$(?<tag>[a-z_\u0080-\uffff][\w\u0080-\uffff]*)?\$[\s\S]*?(?:\$\k<tag>\$|$)|\.?\d[\w.]*)`,
    String.raw`"(?:[^"]|"")*(?:"|$)|\$\d+|[a-z_\u0080-\uffff][\w$\u0080-\uffff]*`,
  ].join('|'),
  'iy',
)

/** Comments lie within comments. */
function endOfComment(text: string, start: number): number {
  let depth = 0
  for (let at = start; at < text.length; at += 1) {
    if (text.startsWith('/*', at)) {
      depth += 1
      at += 1
    } else if (text.startsWith('*/', at)) {
      depth -= 1
      at += 1
      if (depth === 0) return at + 1
    }
  }
  return text.length
}
