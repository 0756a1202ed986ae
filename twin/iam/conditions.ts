import { matchesCidr } from './cidr.ts'
import { type Context, substitute } from './context.ts'
import { PolicyError, type Statement } from './document.ts'
import { asText, matchesArn, matchesWildcard } from './wildcard.ts'

/** Whether a value of the call is the value of the policy. `wanted` may hold wildcards. */
type Test = (given: string, wanted: string) => boolean
type Operator = { readonly test: Test; readonly negated: boolean }

const number = (text: string) => (text.trim() === '' ? Number.NaN : Number(text))
const time = (text: string) => (/^\d+(\.\d+)?$/.test(text) ? Number(text) * 1000 : Date.parse(text))
const compare =
  (read: (text: string) => number, holds: (given: number, wanted: number) => boolean): Test =>
  (given, wanted) => {
    const [left, right] = [read(given), read(asText(wanted))]
    return !Number.isNaN(left) && !Number.isNaN(right) && holds(left, right)
  }
const lower = (text: string) => text.toLowerCase()
const yes = (test: Test): Operator => ({ test, negated: false })
const not = (test: Test): Operator => ({ test, negated: true })

const equal: Test = (given, wanted) => given === asText(wanted)
const equalIgnoringCase: Test = (given, wanted) => lower(given) === lower(asText(wanted))
const like: Test = (given, wanted) => matchesWildcard(wanted, given)
const arn: Test = (given, wanted) => matchesArn(wanted, given)
const same = (left: number, right: number) => left === right

const OPERATORS: Readonly<Record<string, Operator>> = {
  StringEquals: yes(equal),
  StringNotEquals: not(equal),
  StringEqualsIgnoreCase: yes(equalIgnoringCase),
  StringNotEqualsIgnoreCase: not(equalIgnoringCase),
  StringLike: yes(like),
  StringNotLike: not(like),
  NumericEquals: yes(compare(number, same)),
  NumericNotEquals: not(compare(number, same)),
  NumericLessThan: yes(compare(number, (left, right) => left < right)),
  NumericLessThanEquals: yes(compare(number, (left, right) => left <= right)),
  NumericGreaterThan: yes(compare(number, (left, right) => left > right)),
  NumericGreaterThanEquals: yes(compare(number, (left, right) => left >= right)),
  DateEquals: yes(compare(time, same)),
  DateNotEquals: not(compare(time, same)),
  DateLessThan: yes(compare(time, (left, right) => left < right)),
  DateLessThanEquals: yes(compare(time, (left, right) => left <= right)),
  DateGreaterThan: yes(compare(time, (left, right) => left > right)),
  DateGreaterThanEquals: yes(compare(time, (left, right) => left >= right)),
  Bool: yes(equalIgnoringCase),
  BinaryEquals: yes(equal),
  IpAddress: yes(matchesCidr),
  NotIpAddress: not(matchesCidr),
  ArnEquals: yes(arn),
  ArnLike: yes(arn),
  ArnNotEquals: not(arn),
  ArnNotLike: not(arn),
}

/** Whether all conditions of a statement hold for a call. An operator that IAM does not have is a `PolicyError`. */
export function conditionsHold(statement: Statement, context: Context, policy: string): boolean {
  return Object.entries(statement.conditions).every(([name, keys]) => {
    const operator = readOperator(name, policy)
    return Object.entries(keys).every(([key, values]) => operator(context.get(lower(key)), values, context))
  })
}

type Judge = (given: readonly string[] | undefined, wanted: readonly string[], context: Context) => boolean

function readOperator(name: string, policy: string): Judge {
  const [quantifier, rest] = name.includes(':') ? (name.split(':') as [string, string]) : [undefined, name]
  const ifExists = rest.endsWith('IfExists')
  const base = ifExists ? rest.slice(0, -'IfExists'.length) : rest
  if (base === 'Null')
    return (given, wanted) => wanted.some(value => (given === undefined) === (lower(value) === 'true'))
  const operator = OPERATORS[base]
  if (!operator) throw new PolicyError(policy, `has the unknown condition operator ${name}`)
  if (quantifier !== undefined && quantifier !== 'ForAllValues' && quantifier !== 'ForAnyValue') {
    throw new PolicyError(policy, `has the unknown quantifier ${quantifier} in ${name}`)
  }
  return (given, wanted, context) => {
    if (given === undefined && ifExists) return true
    return judge(operator, quantifier, given ?? [], substituted(wanted, context))
  }
}

const substituted = (wanted: readonly string[], context: Context): string[] =>
  wanted.map(value => substitute(value, context)).filter(value => value !== undefined)

function judge(
  { test, negated }: Operator,
  quantifier: 'ForAllValues' | 'ForAnyValue' | undefined,
  given: readonly string[],
  wanted: readonly string[],
): boolean {
  const holds = (value: string) => wanted.some(each => test(value, each)) !== negated
  if (quantifier === 'ForAllValues') return given.every(holds)
  if (quantifier === 'ForAnyValue') return given.some(holds)
  // A key that the call does not have fails a plain operator and satisfies its negation.
  if (given.length === 0) return negated
  return negated ? given.every(holds) : given.some(holds)
}
