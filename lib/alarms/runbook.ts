import type { EnvironmentConfig } from '../../config/schema.ts'
import { catalogue } from './catalogue.ts'
import { functionRows } from './function-rows.ts'
import type { AlarmRow, Speaks } from './row.ts'
import { type SpendRow, spendRow } from './spend.ts'

const FACTS = /<!-- facts -->[\s\S]*?<!-- \/facts -->/

/** A line in an article's table. */
export type Fact = {
  readonly id: string
  readonly article: string
  readonly severity: Speaks
  /** `above 30 count` */
  readonly bound: string
  /** `2 of 3 × 60 s` */
  readonly when: string
  readonly silence: string
  readonly why: string
}

/** A line for all that has an article: the alarms, the functions' by their verb's example, and unusual spend. */
export function articleFacts(
  config: EnvironmentConfig,
  verbs: readonly { verb: string; timeout: number }[],
): readonly Fact[] {
  const spend = spendRow(config)
  return [
    ...Object.values(catalogue(config)).flat().map(factOf),
    ...verbs.flatMap(({ verb, timeout }) =>
      functionRows({ verb, timeout, functionName: verb, region: 'home' }).map(factOf),
    ),
    ...(spend ? [spendFact(spend)] : []),
  ]
}

function factOf(row: AlarmRow): Fact {
  const { id, article, severity, bad, datapoints, outOf, period, missing, derivation, awsRecommends } = row
  return {
    id,
    article,
    severity,
    bound: `${bad} ${readable(row)}`,
    when: `${datapoints} of ${outOf} × ${period} s`,
    silence: missing === 'breaching' ? 'rings' : 'does not ring',
    why: `${derivation}${awsRecommends ? `. AWS recommends: ${awsRecommends}` : ''}`,
  }
}

function spendFact({ id, article, severity, threshold, derivation }: SpendRow): Fact {
  return {
    id,
    article,
    severity,
    bound: `above ${threshold} USD`,
    when: 'an anomaly that AWS finds, at once',
    silence: 'does not ring',
    why: derivation,
  }
}

/** An article's anchor, as a renderer of Markdown makes it from the heading. */
export function anchorOf(heading: string): string {
  return heading.toLowerCase().replaceAll(' ', '-')
}

/** The runbook with the facts of every article written from the rows; text between the markers is replaced. */
export function writeFacts(runbook: string, facts: readonly Fact[]): string {
  return runbook
    .split(/(?=^## )/m)
    .map(part => {
      const heading = /^## (.+)$/m.exec(part)?.[1]
      if (heading === undefined || !FACTS.test(part)) return part
      const own = facts.filter(fact => fact.article === anchorOf(heading))
      return part.replace(FACTS, () => `<!-- facts -->\n${table(own)}\n<!-- /facts -->`)
    })
    .join('')
}

function table(facts: readonly Fact[]): string {
  // Those that agree in all but their name stand in one line.
  const alike = Map.groupBy(facts, ({ severity, bound, when, silence, why }) =>
    [severity, bound, when, silence, why].join(' | '),
  )
  const lines = [...alike].map(
    ([said, same]) => `| ${same.map(({ id }) => `\`${id}\``).join(', ')} | ${said} |`,
  )
  return ['| alarm | | bound | when | silence | why |', '|---|---|---|---|---|---|', ...lines].join('\n')
}

function readable({ threshold, unit }: AlarmRow): string {
  if (unit === 'bytes')
    return threshold >= 1024 ** 3
      ? `${(threshold / 1024 ** 3).toFixed(1)} GiB`
      : `${Math.round(threshold / 1024 ** 2)} MiB`
  return `${threshold.toLocaleString('en')} ${unit}`
}
