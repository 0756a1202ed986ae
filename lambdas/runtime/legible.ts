/**
 * What a terminal obeys or a reader cannot see: controls of both sets, what turns the direction of writing, what has
 * no width, line and paragraph separators, halves of characters.
 */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/gu

const SHORT: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' }

/**
 * Text from elsewhere as one line that shows every character: each unseen one as JSON writes it (`\u001b`, `\n`), so
 * that JSON stays the same JSON. A name is kept as it is wherever it is data, and passes here when it is shown.
 */
export function oneLine(text: string): string {
  return text.replace(UNSEEN, written)
}

/** The same for text of several lines: line ends and tabs stay. */
export function legible(text: string): string {
  return text.replace(UNSEEN, found => (found === '\n' || found === '\t' ? found : written(found)))
}

function written(found: string): string {
  return SHORT[found] ?? found.split('').map(unitOf).join('')
}

function unitOf(unit: string): string {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`
}
