/** Letters to insert, remove or change to make one word of the other (Levenshtein's distance). */
export function mistypings(one: string, other: string): number {
  let above = Array.from({ length: other.length + 1 }, (_, index) => index)
  for (const [row, letter] of [...one].entries()) {
    const current = [row + 1]
    for (const [column, up] of above.slice(1).entries())
      current.push(
        Math.min(
          up + 1,
          (current[column] ?? 0) + 1,
          (above[column] ?? 0) + (letter === other[column] ? 0 : 1),
        ),
      )
    above = current
  }
  return above.at(-1) ?? 0
}

/** The known word that a mistyped one most likely means; `undefined` when none is near. */
export function nearest(word: string, known: readonly string[]): string | undefined {
  const [best] = known
    .map(each => ({ each, away: mistypings(word, each) }))
    .filter(({ away }) => away <= 2)
    .toSorted((one, other) => one.away - other.away)
  return best?.each
}
