import type { Sample } from './series.ts'

type Directive = {
  readonly Namespace: string
  readonly Dimensions?: readonly (readonly string[])[]
  readonly Metrics?: readonly {
    readonly Name: string
    readonly Unit?: string
    readonly StorageResolution?: number
  }[]
}

/**
 * The samples in a log line of the embedded metric format; none for any other line, which is only a log line. `at`
 * (milliseconds) is the time of the line, used where the line tells none.
 */
export function samplesOf(line: string, region: string, at: number): Sample[] {
  const record = parse(line)
  const aws = record?._aws as { Timestamp?: number; CloudWatchMetrics?: readonly Directive[] } | undefined
  if (!record || !Array.isArray(aws?.CloudWatchMetrics)) return []
  const time = aws.Timestamp ?? at
  return aws.CloudWatchMetrics.flatMap(directive =>
    (directive.Dimensions ?? [[]]).flatMap((names: readonly string[]) =>
      fromDirective(record, directive, names, region, time),
    ),
  )
}

function parse(line: string): Record<string, unknown> | undefined {
  if (!line.includes('"_aws"')) return undefined
  try {
    return JSON.parse(line) as Record<string, unknown>
  } catch {
    // A line that only looks like it, or was cut, is text to CloudWatch, too.
    return undefined
  }
}

function fromDirective(
  record: Record<string, unknown>,
  directive: Directive,
  names: readonly string[],
  region: string,
  at: number,
): Sample[] {
  // CloudWatch drops a set of dimensions of which the line lacks a value.
  if (!names.every(name => typeof record[name] === 'string')) return []
  const dimensions = Object.fromEntries(names.map(name => [name, String(record[name])]))
  return (directive.Metrics ?? []).flatMap(({ Name, Unit, StorageResolution }) => {
    const given = record[Name]
    const values = (Array.isArray(given) ? given : [given]).filter(value =>
      Number.isFinite(value),
    ) as number[]
    if (values.length === 0) return []
    return [
      {
        region,
        namespace: directive.Namespace,
        name: Name,
        dimensions,
        at,
        values: values.map((value): [number, number] => [value, 1]),
        unit: Unit ?? 'None',
        resolution: StorageResolution === 1 ? 1 : 60,
      },
    ]
  })
}
