import type { EnvironmentConfig } from '../../config/schema.ts'
import { catalogue } from './catalogue.ts'
import { functionRows } from './function-rows.ts'
import type { AlarmRow } from './row.ts'

const FACTS = /<!-- facts -->[\s\S]*?<!-- \/facts -->/

/** Every row that has an article, the functions' by their verb's example. */
export function articleRows(
  config: EnvironmentConfig,
  verbs: readonly { verb: string; timeout: number }[],
): readonly AlarmRow[] {
  return [
    ...Object.values(catalogue(config)).flat(),
    ...verbs.flatMap(({ verb, timeout }) =>
      functionRows({ verb, timeout, functionName: verb, region: 'home' }),
    ),
  ]
}

/** An article's anchor, as a renderer of Markdown makes it from the heading. */
export function anchorOf(heading: string): string {
  return heading.toLowerCase().replaceAll(' ', '-')
}

/** The runbook with the facts of every article written from the rows; text between the markers is replaced. */
export function writeFacts(runbook: string, rows: readonly AlarmRow[]): string {
  return runbook
    .split(/(?=^## )/m)
    .map(part => {
      const heading = /^## (.+)$/m.exec(part)?.[1]
      if (heading === undefined || !FACTS.test(part)) return part
      const own = rows.filter(row => row.article === anchorOf(heading))
      return part.replace(FACTS, () => `<!-- facts -->\n${table(own)}\n<!-- /facts -->`)
    })
    .join('')
}

function table(rows: readonly AlarmRow[]): string {
  const alike = Map.groupBy(rows, facts)
  const lines = [...alike].map(
    ([said, same]) => `| ${same.map(({ id }) => `\`${id}\``).join(', ')} | ${said} |`,
  )
  return ['| alarm | | bound | when | silence | why |', '|---|---|---|---|---|---|', ...lines].join('\n')
}

/** All that a table says of a row but its name: rows that agree in it stand in one line. */
function facts(row: AlarmRow): string {
  const when = `${row.datapoints} of ${row.outOf} × ${row.period} s`
  const silence = row.missing === 'breaching' ? 'rings' : 'does not ring'
  const advice = row.awsRecommends ? `. AWS recommends: ${row.awsRecommends}` : ''
  return [row.severity, `${row.bad} ${readable(row)}`, when, silence, `${row.derivation}${advice}`].join(
    ' | ',
  )
}

function readable({ threshold, unit }: AlarmRow): string {
  if (unit === 'bytes')
    return threshold >= 1024 ** 3
      ? `${(threshold / 1024 ** 3).toFixed(1)} GiB`
      : `${Math.round(threshold / 1024 ** 2)} MiB`
  return `${threshold.toLocaleString('en')} ${unit}`
}
