import type { AlarmState } from './judgement.ts'

/** A composite alarm's rule, read. */
export type AlarmRule =
  | { readonly kind: 'constant'; readonly value: boolean }
  | { readonly kind: 'is'; readonly state: AlarmState; readonly alarm: string }
  | { readonly kind: 'not'; readonly of: AlarmRule }
  | { readonly kind: 'and' | 'or'; readonly left: AlarmRule; readonly right: AlarmRule }

/** A rule that CloudWatch would refuse. */
export class AlarmRuleError extends Error {
  constructor(rule: string, problem: string) {
    super(`the alarm rule ${rule} ${problem}`)
    this.name = 'AlarmRuleError'
  }
}

const TOKEN = /\s*(?:(\()|(\))|"((?:[^"\\]|\\.)*)"|([^\s()"]+))/y

function tokenize(rule: string): string[] {
  const tokens: string[] = []
  TOKEN.lastIndex = 0
  while (TOKEN.lastIndex < rule.trimEnd().length) {
    const at = TOKEN.lastIndex
    const match = TOKEN.exec(rule)
    if (!match) throw new AlarmRuleError(rule, `is not understood at "${rule.slice(at, at + 10)}"`)
    const [, open, close, quoted, word] = match
    tokens.push(
      open ?? close ?? (quoted !== undefined ? `"${quoted.replace(/\\(.)/g, '$1')}` : (word as string)),
    )
  }
  return tokens
}

const STATES: readonly string[] = ['OK', 'ALARM', 'INSUFFICIENT_DATA'] satisfies AlarmState[]

/** Reads a rule: `ALARM("a") AND NOT (OK("b") OR TRUE)`. Alarms are named by name or ARN. */
export function parseAlarmRule(rule: string): AlarmRule {
  const tokens = tokenize(rule)
  let position = 0
  const next = () => tokens[position]
  const take = () => tokens[position++]
  const expect = (wanted: string) => {
    if (take() !== wanted)
      throw new AlarmRuleError(rule, `wants ${wanted} after ${tokens.slice(0, position - 1).join(' ')}`)
  }
  const either = (): AlarmRule => {
    let left = both()
    while (next() === 'OR') {
      take()
      left = { kind: 'or', left, right: both() }
    }
    return left
  }
  const both = (): AlarmRule => {
    let left = one()
    while (next() === 'AND') {
      take()
      left = { kind: 'and', left, right: one() }
    }
    return left
  }
  const one = (): AlarmRule => {
    const token = take()
    if (token === 'NOT') return { kind: 'not', of: one() }
    if (token === '(') {
      const inner = either()
      expect(')')
      return inner
    }
    if (token === 'TRUE' || token === 'FALSE') return { kind: 'constant', value: token === 'TRUE' }
    if (token === undefined || !STATES.includes(token)) {
      throw new AlarmRuleError(rule, `has ${token ?? 'its end'} where a state must be`)
    }
    expect('(')
    const name = (take() ?? '').replace(/^"/, '')
    expect(')')
    const alarm = name.startsWith('arn:') ? name.split(':').slice(6).join(':') : name
    return { kind: 'is', state: token as AlarmState, alarm }
  }
  const whole = either()
  if (position < tokens.length) throw new AlarmRuleError(rule, `goes on after its end with ${next()}`)
  return whole
}

/** Whether a rule holds over the states of the alarms that it names. */
export function ruleHolds(rule: AlarmRule, stateOf: (alarm: string) => AlarmState): boolean {
  switch (rule.kind) {
    case 'constant':
      return rule.value
    case 'is':
      return stateOf(rule.alarm) === rule.state
    case 'not':
      return !ruleHolds(rule.of, stateOf)
    case 'and':
      return ruleHolds(rule.left, stateOf) && ruleHolds(rule.right, stateOf)
    default:
      return ruleHolds(rule.left, stateOf) || ruleHolds(rule.right, stateOf)
  }
}
