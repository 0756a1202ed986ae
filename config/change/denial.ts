import { type ChangeRule, danger, nameOf, physicalName, type ResourceChange } from './danger.ts'

/** A statement of a policy, as a template writes it. */
type Statement = Readonly<Record<string, unknown>> & { readonly Effect: 'Deny' }

/** The properties by which a policy says what it hangs on. */
const ATTACHMENTS = ['Bucket', 'Topics', 'Queues', 'Roles', 'Users', 'Groups', 'SecretId']

/** What a policy forbids stays forbidden: a bucket's locks and TLS, production out of a drill's reach. */
export const mustKeepDenying: ChangeRule = (change, all) => {
  if (!change.before) return []
  if (!change.after && !outlivedByWhatItGuards(change, all)) return []
  const gone = all.filter(other => !other.after).map(other => physicalName(other.before))
  const left = [change, ...all.filter(other => !other.before && hangsOnTheSame(change, other))].flatMap(
    ({ after }) => denialsIn(after?.Properties),
  )
  const lostIn = (value: unknown) =>
    denialsIn(value)
      .filter(denial => !left.some(other => covers(other, withoutTargets(denial, gone))))
      .map(titleOf)
  const consequence = (lost: readonly string[]) =>
    `${nameOf(change)} forbids no more what ${lost.join(', ')} forbade`
  const hint = 'put the statement back; to give it up on purpose, say so with --allow and --reason'
  if (!change.after) {
    const lost = lostIn(change.before.Properties)
    return lost.length === 0 ? [] : [danger(change, consequence(lost), hint)]
  }
  return change.properties.flatMap(property => {
    const lost = lostIn(property.before)
    return lost.length === 0 ? [] : [danger(change, consequence(lost), hint, property)]
  })
}

/** The statements that deny, at whatever depth. */
function denialsIn(value: unknown): Statement[] {
  if (typeof value !== 'object' || value === null) return []
  if ((value as Statement).Effect === 'Deny') return [value as Statement]
  return Object.values(value).flatMap(denialsIn)
}

function titleOf({ Sid, Action, NotAction }: Statement): string {
  if (typeof Sid === 'string') return `"${Sid}"`
  return NotAction === undefined
    ? `the denial of ${list(Action).join(', ')}`
    : `the denial of all but ${list(NotAction).join(', ')}`
}

function attachedTo({ before, after }: ResourceChange): string[] {
  return ATTACHMENTS.flatMap(name => list((before ?? after)?.Properties?.[name]))
}

/** A role, a bucket or a topic that goes with its policy needs none; one that stays does. */
function outlivedByWhatItGuards(change: ResourceChange, all: readonly ResourceChange[]): boolean {
  const gone = all
    .filter(other => other.stack === change.stack && !other.after)
    .map(({ logicalId }) => JSON.stringify({ Ref: logicalId }))
  return attachedTo(change).some(target => !gone.includes(target))
}

function hangsOnTheSame(change: ResourceChange, other: ResourceChange): boolean {
  const targets = attachedTo(change)
  return other.stack === change.stack && attachedTo(other).some(target => targets.includes(target))
}

/** A statement without the resources that leave with this change: nothing is left of them to forbid. */
function withoutTargets(denial: Statement, gone: readonly (string | undefined)[]): Statement {
  if (denial.Resource === undefined) return denial
  const named = (target: string) => gone.some(name => name !== undefined && target.endsWith(`:${name}`))
  return { ...denial, Resource: list(denial.Resource).filter(target => !named(target)) }
}

/** Whether one denial forbids all that another did. What cannot be compared must be equal. */
function covers(wide: Statement, narrow: Statement): boolean {
  return (
    ['Action', 'Resource'].every(
      name => name in wide === name in narrow && includesAll(list(wide[name]), list(narrow[name])),
    ) &&
    // What is left out of a denial: the fewer, the more it forbids.
    ['NotAction', 'NotResource'].every(
      name => name in wide === name in narrow && includesAll(list(narrow[name]), list(wide[name])),
    ) &&
    ['Principal', 'NotPrincipal'].every(name => isSame(wide[name], narrow[name])) &&
    isAsWide(wide.Condition, narrow.Condition)
  )
}

function includesAll(patterns: readonly string[], wanted: readonly string[]): boolean {
  return wanted.every(each =>
    patterns.some(
      pattern => pattern === each || (pattern.endsWith('*') && each.startsWith(pattern.slice(0, -1))),
    ),
  )
}

type Condition = Readonly<Record<string, Readonly<Record<string, unknown>>>>

/** No condition, the same, or the same with a higher bound below which a number is denied. */
function isAsWide(wide: unknown, narrow: unknown): boolean {
  if (wide === undefined) return true
  const { NumericLessThan: bounds = {}, ...rest } = wide as Condition
  const { NumericLessThan: before = {}, ...others } = (narrow ?? {}) as Condition
  return (
    isSame(rest, others) &&
    isSame(Object.keys(bounds), Object.keys(before)) &&
    Object.entries(bounds).every(([key, bound]) => Number(bound) >= Number(before[key]))
  )
}

function isSame(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other)
}

/** One value or many, as texts: names and patterns as they are, intrinsic functions as JSON. */
function list(value: unknown): string[] {
  const values = value === undefined ? [] : Array.isArray(value) ? value : [value]
  return values.map(each => (typeof each === 'string' ? each : JSON.stringify(each)))
}
