/** An expression of metric math, read. */
export type Expression =
  | { readonly kind: 'number'; readonly value: number }
  | { readonly kind: 'text'; readonly value: string }
  | { readonly kind: 'name'; readonly value: string }
  | { readonly kind: 'call'; readonly name: string; readonly args: readonly Expression[] }
  | { readonly kind: 'list'; readonly items: readonly Expression[] }
  | { readonly kind: 'negate'; readonly of: Expression }
  | {
      readonly kind: 'binary'
      readonly operator: string
      readonly left: Expression
      readonly right: Expression
    }

const TOKEN =
  /\s*(?:(\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+)|([A-Za-z_][A-Za-z0-9_]*)|"([^"]*)"|'([^']*)'|(&&|\|\||<=|>=|==|!=|[-+*/^(),<>[\]]))/y

type Token = {
  readonly type: 'number' | 'name' | 'text' | 'sign' | 'end'
  readonly text: string
  readonly at: number
}

/** An expression that metric math does not have. */
export class MathError extends Error {
  constructor(expression: string, problem: string) {
    super(`the expression ${expression} ${problem}`)
    this.name = 'MathError'
  }
}

function tokenize(text: string): Token[] {
  const tokens: Token[] = []
  TOKEN.lastIndex = 0
  while (TOKEN.lastIndex < text.trimEnd().length) {
    const at = TOKEN.lastIndex
    const match = TOKEN.exec(text)
    if (!match) throw new MathError(text, `is not understood at "${text.slice(at, at + 10).trim()}"`)
    const [, number, name, double, single, sign] = match
    if (number !== undefined) tokens.push({ type: 'number', text: number, at })
    else if (name !== undefined) tokens.push({ type: isWord(name) ? 'sign' : 'name', text: name, at })
    else if (sign !== undefined) tokens.push({ type: 'sign', text: sign, at })
    else tokens.push({ type: 'text', text: double ?? single ?? '', at })
  }
  return [...tokens, { type: 'end', text: '', at: text.length }]
}

const isWord = (name: string) => name === 'AND' || name === 'OR'

/** Binding strength, weakest first. */
const LEVELS: readonly (readonly string[])[] = [
  ['OR', '||'],
  ['AND', '&&'],
  ['==', '!='],
  ['<', '<=', '>', '>='],
  ['+', '-'],
  ['*', '/'],
]

/** Reads an expression. */
export function parseMath(text: string): Expression {
  const tokens = tokenize(text)
  let position = 0
  const peek = (): Token => tokens[position] as Token
  const take = (): Token => tokens[position++] as Token
  const isSign = (...signs: readonly string[]) => peek().type === 'sign' && signs.includes(peek().text)
  const expect = (sign: string) => {
    if (!isSign(sign))
      throw new MathError(text, `wants ${sign} at "${text.slice(peek().at, peek().at + 10).trim()}"`)
    take()
  }
  const level = (index: number): Expression => {
    const signs = LEVELS[index]
    if (!signs) return unary()
    let left = level(index + 1)
    while (isSign(...signs)) left = { kind: 'binary', operator: take().text, left, right: level(index + 1) }
    return left
  }
  const unary = (): Expression => {
    if (!isSign('-')) return power()
    take()
    return { kind: 'negate', of: unary() }
  }
  const power = (): Expression => {
    const left = primary()
    if (!isSign('^')) return left
    take()
    return { kind: 'binary', operator: '^', left, right: unary() }
  }
  const list = (end: string): Expression[] => {
    const items: Expression[] = []
    while (!isSign(end)) {
      items.push(level(0))
      if (!isSign(end)) expect(',')
    }
    take()
    return items
  }
  const primary = (): Expression => {
    const token = take()
    if (token.type === 'number') return { kind: 'number', value: Number(token.text) }
    if (token.type === 'text') return { kind: 'text', value: token.text }
    if (token.type === 'sign' && token.text === '(') {
      const inner = level(0)
      expect(')')
      return inner
    }
    if (token.type === 'sign' && token.text === '[') return { kind: 'list', items: list(']') }
    if (token.type !== 'name')
      throw new MathError(text, `is not understood at "${text.slice(token.at, token.at + 10).trim()}"`)
    if (!isSign('(')) return { kind: 'name', value: token.text }
    take()
    return { kind: 'call', name: token.text, args: list(')') }
  }
  const whole = level(0)
  if (peek().type !== 'end')
    throw new MathError(text, `goes on at "${text.slice(peek().at, peek().at + 10).trim()}"`)
  return whole
}
