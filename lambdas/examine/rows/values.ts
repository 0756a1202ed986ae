import { quote, rightsOf } from '../relations.ts'
import { formOf, holdsJsonb, isWritten, makeupOf, type Types } from '../types.ts'

/** A value on one side: an SQL expression and what its catalog says of it. */
export type Value = {
  readonly at: string
  readonly type: number
  readonly typmod: number
  /** False for a collation under which different texts are equal. */
  readonly deterministic: boolean
}

/** Expressions that say the same on both sides where the two values are the same, and what could not be compared. */
export type Paired = {
  readonly primary: readonly string[]
  readonly copy: readonly string[]
  readonly leftOut: readonly string[]
}

export type BothTypes = { readonly primary: Types; readonly copy: Types }

/** What goes down with the recursion: both sides' types, what to call the value, and how deep it is. */
type Inside = {
  readonly types: BothTypes
  readonly byContent: boolean
  readonly title: string
  readonly depth: number
}

/**
 * Pairs one value of both sides. A composite is taken apart into the attributes that both sides have: one that was
 * added since belongs to every value and was written into none, and names inside a value's text change without it.
 * @param inside.byContent true where neither place nor transaction goes into the hash: jsonb then goes in as text,
 * since its hash leaves out the scale of numbers
 */
export function pairValues(theirs: Value, mine: Value, inside: Inside): Paired {
  const { types } = inside
  const [base, own] = [baseOf(theirs, types.primary), baseOf(mine, types.copy)]
  if (base.type === own.type) return pairSame(base, own, inside)
  const target = types.primary.get(base.type)
  // The bytes are the same under both types: each is read as the primary's is.
  if (target && isCoercible(own.type, base.type, types))
    return pairSame(
      base,
      { ...own, at: `${own.at}::${target.address}`, type: base.type, typmod: base.typmod },
      {
        ...inside,
        types: { ...types, copy: types.primary },
      },
    )
  return left(inside, 'its type was changed on the primary since')
}

const left = ({ title }: Inside, why: string): Paired => ({
  primary: [],
  copy: [],
  leftOut: [`${title}: ${why}`],
})

/** The value as what its domain is over. */
function baseOf(value: Value, types: Types): Value {
  const type = types.get(value.type)
  if (type?.sort !== 'd') return value
  return baseOf({ ...value, type: type.parts[0] ?? 0, typmod: type.typmod }, types)
}

function isCoercible(from: number, to: number, types: BothTypes): boolean {
  const [source, target] = [types.copy.get(from), types.primary.get(to)]
  if (!source || !target) return false
  if (source.isArray && target.isArray) {
    const base = (oid: number, side: Types) =>
      baseOf({ at: '', type: oid, typmod: -1, deterministic: true }, side).type
    const [mine, theirs] = [base(source.parts[0] ?? 0, types.copy), base(target.parts[0] ?? 0, types.primary)]
    return mine === theirs || isCoercible(mine, theirs, types)
  }
  return types.primary.get(from)?.coercible.includes(to) ?? source.coercible.includes(to)
}

function pairSame(theirs: Value, mine: Value, inside: Inside): Paired {
  const { types, byContent } = inside
  const type = types.copy.get(mine.type)
  const isSame = (labels: boolean) =>
    makeupOf(mine.type, types.copy, labels) === makeupOf(theirs.type, types.primary, labels)
  const form = formOf(mine.type, mine.typmod, types.copy)
  const whole = form === 'plain' && isSame(false) && !(byContent && holdsJsonb(mine.type, types.copy))
  if (type?.sort === 'c' && !whole) return pairFields(theirs, mine, inside)
  const element = type?.isArray ? baseOf({ ...mine, type: type.parts[0] ?? 0 }, types.copy) : undefined
  if (element && types.copy.get(element.type)?.sort === 'c' && !(form === 'array' && isSame(false)))
    return pairElements(theirs, mine, element.type, inside)
  const asText = byContent && holdsJsonb(mine.type, types.copy)
  if (
    (asText || isWritten(form) || form === 'plain' || form === 'array') &&
    !isSame(asText || isWritten(form))
  )
    return left(inside, 'what its type is made of was changed on the primary since')
  // Both sides must use the same form.
  const of = (value: Value) =>
    asText
      ? [`${value.at}::pg_catalog.text`]
      : expressions(value.at, form, mine.deterministic && theirs.deterministic)
  return { primary: of(theirs), copy: of(mine), leftOut: [] }
}

/** Each attribute by its number, and whether there is a value at all: `is null` also means one of nothing but nulls. */
function pairFields(theirs: Value, mine: Value, inside: Inside): Paired {
  const there = (value: Value) => `pg_catalog.num_nulls(${value.at})`
  const at = (value: Value) => (name: string) => `(${value.at}).${quote(name)}`
  const fields = pairAll(theirs.type, mine.type, at(theirs), at(mine), inside)
  return {
    primary: [there(theirs), ...fields.primary],
    copy: [there(mine), ...fields.copy],
    leftOut: fields.leftOut,
  }
}

function pairAll(
  theirType: number,
  myType: number,
  theirAt: (name: string) => string,
  myAt: (name: string) => string,
  inside: Inside,
): Paired {
  const fields = inside.types.primary.get(theirType)?.fields ?? []
  const pairs = (inside.types.copy.get(myType)?.fields ?? []).map(own => {
    const title = `${inside.title}, attribute ${quote(own.name)}`
    const other = fields.find(field => field.number === own.number)
    if (!other) return left({ ...inside, title }, 'dropped on the primary since')
    return pairValues(
      { ...other, at: theirAt(other.name) },
      { ...own, at: myAt(own.name) },
      { ...inside, title },
    )
  })
  return {
    primary: pairs.flatMap(pair => pair.primary),
    copy: pairs.flatMap(pair => pair.copy),
    leftOut: pairs.flatMap(pair => pair.leftOut),
  }
}

/** An array of composites: its dimensions, and the hash of each element's attributes in their order. */
function pairElements(theirs: Value, mine: Value, element: number, inside: Inside): Paired {
  const alias = `e${inside.depth}`
  const theirElement = baseOf(
    { ...theirs, type: inside.types.primary.get(theirs.type)?.parts[0] ?? 0 },
    inside.types.primary,
  ).type
  const names = (oid: number, types: Types) => (types.get(oid)?.fields ?? []).map(field => field.name)
  const at = (list: readonly string[]) => (name: string) => `${alias}.f${list.indexOf(name)}`
  const [those, these] = [names(theirElement, inside.types.primary), names(element, inside.types.copy)]
  const pairs = pairAll(theirElement, element, at(those), at(these), {
    ...inside,
    title: `${inside.title}, its elements`,
    depth: inside.depth + 1,
  })
  const of = (value: Value, list: readonly string[], parts: readonly string[]) => [
    `pg_catalog.array_dims(${value.at})`,
    `(select pg_catalog.array_agg(pg_catalog.hash_record_extended(row(${['0', ...parts].join(', ')}), 0) order by ${alias}.at)
from pg_catalog.unnest(${value.at}) with ordinality ${alias}(${[...list.map((_, n) => `f${n}`), 'at'].join(', ')}))`,
  ]
  return {
    primary: of(theirs, those, pairs.primary),
    copy: of(mine, these, pairs.copy),
    leftOut: pairs.leftOut,
  }
}

function expressions(at: string, form: ReturnType<typeof formOf>, deterministic: boolean): string[] {
  if (typeof form === 'object') return [`pg_catalog.${form.send}(${at})`]
  if (form === 'text') return [`${at}::pg_catalog.text`]
  // A user may have made a cast of the user's type to text, and bpchar's own drops blanks: a record writes a value out.
  if (form === 'output') return [`row(${at})::pg_catalog.text`]
  if (form === 'right') return [at, rightsOf(`case when ${at} is not null then array[${at}] end`)]
  if (form === 'rights') return [at, `pg_catalog.array_dims(${at})`, rightsOf(asList(at))]
  if (form === 'scale') return [at, `pg_catalog.scale(${at})`]
  const exact = deterministic ? at : `${at} collate pg_catalog."C"`
  // Neither an array's hash nor an element's tells '{{1,2}}' from '{1,2}'.
  return form === 'array' ? [exact, `pg_catalog.array_dims(${at})`] : [exact]
}

/** An array that PostgreSQL takes for a list of rights: any other raises an error. */
const asList = (at: string) =>
  `case when pg_catalog.array_ndims(${at}) = 1 and pg_catalog.array_position(${at}, null) is null then ${at} end`
