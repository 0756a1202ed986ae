import { type Expression, MathError, parseMath } from './math-parser.ts'
import type { Points } from './statistics.ts'

/** What an expression comes to: one number, one series, several, or a band around a series. */
export type Value =
  | { readonly kind: 'scalar'; readonly value: number }
  | { readonly kind: 'series'; readonly points: Points }
  | { readonly kind: 'many'; readonly series: readonly Points[] }
  | { readonly kind: 'band'; readonly lower: Points; readonly upper: Points }

export type MathScope = {
  /** Points of a metric or expression by its id; undefined for an id that is not there. */
  readonly series: (id: string) => Value | undefined
  /** Ids of the metrics of the request, for METRICS(). */
  readonly metricIds: readonly string[]
  /** Seconds, for PERIOD() and for where points stand. */
  readonly period: number
  /** Times at which points stand, milliseconds, oldest first. */
  readonly times: readonly number[]
  /** A wider history of the metric with this id, for its band. */
  readonly history: (id: string) => Points
}

const scalar = (value: number): Value => ({ kind: 'scalar', value })
const series = (points: Points): Value => ({ kind: 'series', points })

/** Works out an expression; what metric math has and the twin does not is refused by name. */
export function evaluateMath(text: string, scope: MathScope): Value {
  return new Evaluation(text, scope).of(parseMath(text))
}

const truth = (holds: boolean) => (holds ? 1 : 0)

const OPERATORS: Readonly<Record<string, (left: number, right: number) => number>> = {
  '+': (left, right) => left + right,
  '-': (left, right) => left - right,
  '*': (left, right) => left * right,
  '/': (left, right) => left / right,
  '^': (left, right) => left ** right,
  '<': (left, right) => truth(left < right),
  '<=': (left, right) => truth(left <= right),
  '>': (left, right) => truth(left > right),
  '>=': (left, right) => truth(left >= right),
  '==': (left, right) => truth(left === right),
  '!=': (left, right) => truth(left !== right),
  AND: (left, right) => truth(left !== 0 && right !== 0),
  '&&': (left, right) => truth(left !== 0 && right !== 0),
  OR: (left, right) => truth(left !== 0 || right !== 0),
  '||': (left, right) => truth(left !== 0 || right !== 0),
}

const AGGREGATES: Readonly<Record<string, (values: readonly number[]) => number>> = {
  SUM: values => values.reduce((sum, value) => sum + value, 0),
  AVG: values => values.reduce((sum, value) => sum + value, 0) / values.length,
  MIN: values => Math.min(...values),
  MAX: values => Math.max(...values),
  STDDEV: deviation,
}

const EACH: Readonly<Record<string, (value: number) => number>> = {
  ABS: Math.abs,
  CEIL: Math.ceil,
  FLOOR: Math.floor,
  LOG: Math.log,
  LOG10: Math.log10,
}

function deviation(values: readonly number[]): number {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length
  return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length)
}

/** A division by zero and the like is no datapoint. */
const onlyFinite = (points: Points): Points =>
  new Map([...points].filter(([, value]) => Number.isFinite(value)))
const mapPoints = (points: Points, change: (value: number) => number): Points =>
  onlyFinite(new Map([...points].map(([at, value]) => [at, change(value)])))

class Evaluation {
  readonly text: string
  readonly scope: MathScope

  constructor(text: string, scope: MathScope) {
    this.text = text
    this.scope = scope
  }

  of(expression: Expression): Value {
    switch (expression.kind) {
      case 'number':
        return scalar(expression.value)
      case 'name':
        return this.named(expression.value)
      case 'negate':
        return this.each(this.of(expression.of), value => -value)
      case 'list':
        return { kind: 'many', series: expression.items.flatMap(item => this.all(this.of(item))) }
      case 'binary':
        return this.binary(expression.operator, this.of(expression.left), this.of(expression.right))
      case 'call':
        return this.call(expression.name, expression.args)
      default:
        throw this.refuse(`has the text "${expression.value}" where a figure must be`)
    }
  }

  refuse(problem: string): MathError {
    return new MathError(this.text, problem)
  }

  named(id: string): Value {
    const value = this.scope.series(id)
    if (!value) throw this.refuse(`names ${id}, which is no metric of the request`)
    return value
  }

  all(value: Value): Points[] {
    if (value.kind === 'series') return [value.points]
    if (value.kind === 'many') return [...value.series]
    throw this.refuse('has a figure where series must be')
  }

  points(value: Value): Points {
    if (value.kind === 'series') return value.points
    if (value.kind === 'many' && value.series[0] && value.series.length === 1) return value.series[0]
    throw this.refuse('has something else where one series must be')
  }

  each(value: Value, change: (value: number) => number): Value {
    if (value.kind === 'scalar') return scalar(change(value.value))
    if (value.kind === 'many')
      return { kind: 'many', series: value.series.map(points => mapPoints(points, change)) }
    return series(mapPoints(this.points(value), change))
  }

  binary(operator: string, left: Value, right: Value): Value {
    const work = OPERATORS[operator]
    if (!work) throw this.refuse(`has the operator ${operator}, which the twin does not have`)
    if (left.kind === 'scalar' && right.kind === 'scalar') return scalar(work(left.value, right.value))
    if (right.kind === 'scalar') return this.each(left, value => work(value, right.value))
    if (left.kind === 'scalar') return this.each(right, value => work(left.value, value))
    if (left.kind === 'many' || right.kind === 'many') return this.pairwise(work, left, right)
    return series(this.zip(work, this.points(left), this.points(right)))
  }

  pairwise(work: (left: number, right: number) => number, left: Value, right: Value): Value {
    const [lefts, rights] = [this.all(left), this.all(right)]
    const count = Math.max(lefts.length, rights.length)
    const pick = (from: Points[], index: number) => (from.length === 1 ? from[0] : from[index]) ?? new Map()
    const zipped = Array.from({ length: count }, (_, index) =>
      this.zip(work, pick(lefts, index), pick(rights, index)),
    )
    return { kind: 'many', series: zipped }
  }

  // A time at which one of the two has no point has none in the result.
  zip(work: (left: number, right: number) => number, left: Points, right: Points): Points {
    const both = [...left].filter(([at]) => right.has(at))
    return onlyFinite(new Map(both.map(([at, value]) => [at, work(value, right.get(at) as number)])))
  }

  call(name: string, args: readonly Expression[]): Value {
    const aggregate = AGGREGATES[name]
    if (aggregate) return this.aggregate(aggregate, args)
    const each = EACH[name]
    if (each) return this.each(this.argument(args, 0, name), each)
    switch (name) {
      case 'IF':
        return this.choose(args)
      case 'FILL':
        return this.fill(args)
      case 'METRICS':
        return { kind: 'many', series: this.metricIds(args).flatMap(id => this.all(this.named(id))) }
      case 'RATE':
        return this.steps(args, name, (value, before, seconds) => (value - before) / seconds)
      case 'DIFF':
        return this.steps(args, name, (value, before) => value - before)
      case 'DIFF_TIME':
        return this.steps(args, name, (_, __, seconds) => seconds)
      case 'RUNNING_SUM':
        return this.runningSum(args)
      case 'PERIOD':
        return scalar(this.scope.period)
      case 'TIME_SERIES':
        return this.constant(args)
      case 'ANOMALY_DETECTION_BAND':
        return this.band(args)
      default:
        throw this.refuse(`calls ${name}, which the twin's metric math does not have`)
    }
  }

  argument(args: readonly Expression[], index: number, name: string): Value {
    const expression = args[index]
    if (!expression) throw this.refuse(`calls ${name} with ${args.length} arguments`)
    return this.of(expression)
  }

  metricIds(args: readonly Expression[]): string[] {
    const filter = args[0]?.kind === 'text' ? args[0].value : ''
    return this.scope.metricIds.filter(id => id.includes(filter))
  }

  aggregate(work: (values: readonly number[]) => number, args: readonly Expression[]): Value {
    const values = args.map(arg => this.of(arg))
    const only = values.length === 1 ? values[0] : undefined
    if (only?.kind === 'series') return scalar(work([...only.points.values()]))
    if (only?.kind === 'scalar') return only
    const all = values.flatMap(value =>
      value.kind === 'scalar' ? [this.everywhere(value.value)] : this.all(value),
    )
    const times = new Set(all.flatMap(points => [...points.keys()]))
    const result = [...times]
      .sort((left, right) => left - right)
      .map((at): [number, number] => {
        const there = all.map(points => points.get(at)).filter(value => value !== undefined)
        return [at, work(there)]
      })
    return series(onlyFinite(new Map(result)))
  }

  everywhere(value: number): Points {
    return new Map(this.scope.times.map(at => [at, value]))
  }

  at(value: Value, time: number): number | undefined {
    return value.kind === 'scalar' ? value.value : this.points(value).get(time)
  }

  choose(args: readonly Expression[]): Value {
    const condition = this.argument(args, 0, 'IF')
    const yes = this.argument(args, 1, 'IF')
    const no = args[2] ? this.of(args[2]) : undefined
    if (condition.kind === 'scalar') return condition.value !== 0 ? yes : (no ?? series(new Map()))
    const chosen: [number, number][] = []
    for (const [at, holds] of this.points(condition)) {
      const branch = holds !== 0 ? yes : no
      const value = branch && this.at(branch, at)
      if (value !== undefined) chosen.push([at, value])
    }
    return series(onlyFinite(new Map(chosen)))
  }

  fill(args: readonly Expression[]): Value {
    const of = this.argument(args, 0, 'FILL')
    const mode = args[1]
    const word = mode?.kind === 'name' ? mode.value : undefined
    const constant = word || !mode ? undefined : this.of(mode)
    if (word && word !== 'REPEAT' && word !== 'LINEAR')
      throw this.refuse(`fills with ${word}, which is no filling`)
    const filled = (points: Points) => {
      if (word === 'REPEAT') return this.repeat(points)
      if (word === 'LINEAR') return this.linear(points)
      return new Map(
        this.scope.times.map((at): [number, number] => [
          at,
          points.get(at) ?? (constant ? (this.at(constant, at) ?? 0) : 0),
        ]),
      )
    }
    if (of.kind === 'many') return { kind: 'many', series: of.series.map(filled) }
    return series(filled(this.points(of)))
  }

  repeat(points: Points): Points {
    const result: Points = new Map()
    let last: number | undefined
    for (const at of this.scope.times) {
      last = points.get(at) ?? last
      if (last !== undefined) result.set(at, last)
    }
    return result
  }

  linear(points: Points): Points {
    const known = [...points]
    const result: Points = new Map()
    for (const at of this.scope.times) {
      const before = known.findLast(([time]) => time <= at)
      const after = known.find(([time]) => time >= at)
      if (before && after) {
        const share = after[0] === before[0] ? 0 : (at - before[0]) / (after[0] - before[0])
        result.set(at, before[1] + (after[1] - before[1]) * share)
      }
    }
    return result
  }

  steps(
    args: readonly Expression[],
    name: string,
    work: (value: number, before: number, seconds: number) => number,
  ): Value {
    const of = this.argument(args, 0, name)
    const change = (points: Points): Points => {
      const result: Points = new Map()
      let previous: [number, number] | undefined
      for (const [at, value] of points) {
        if (previous) result.set(at, work(value, previous[1], (at - previous[0]) / 1000))
        previous = [at, value]
      }
      return onlyFinite(result)
    }
    if (of.kind === 'many') return { kind: 'many', series: of.series.map(change) }
    return series(change(this.points(of)))
  }

  runningSum(args: readonly Expression[]): Value {
    let sum = 0
    return this.each(this.argument(args, 0, 'RUNNING_SUM'), value => {
      sum += value
      return sum
    })
  }

  constant(args: readonly Expression[]): Value {
    const value = this.argument(args, 0, 'TIME_SERIES')
    if (value.kind !== 'scalar') throw this.refuse('makes a time series of a time series')
    return series(this.everywhere(value.value))
  }

  /**
   * CloudWatch learns its bands from weeks of data by a model of its own. Here a band is the mean of the metric's
   * history before each point, plus and minus so many standard deviations: same shape, plainer judgement.
   */
  band(args: readonly Expression[]): Value {
    const id = args[0]?.kind === 'name' ? args[0].value : undefined
    if (!id) throw this.refuse('wants the id of a metric in ANOMALY_DETECTION_BAND')
    const width = args[1] ? this.of(args[1]) : scalar(2)
    if (width.kind !== 'scalar') throw this.refuse('wants a number of deviations in ANOMALY_DETECTION_BAND')
    const history = [...this.scope.history(id)]
    const lower: Points = new Map()
    const upper: Points = new Map()
    for (const at of this.scope.times) {
      const before = history.filter(([time]) => time < at).map(([, value]) => value)
      // Two points make no habit.
      if (before.length < MIN_HISTORY) continue
      const mean = before.reduce((sum, value) => sum + value, 0) / before.length
      const spread = deviation(before) * width.value
      lower.set(at, mean - spread)
      upper.set(at, mean + spread)
    }
    return { kind: 'band', lower, upper }
  }
}

/** Datapoints from which a band can be drawn. */
const MIN_HISTORY = 10
