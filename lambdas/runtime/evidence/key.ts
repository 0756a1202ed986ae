/** The object key of a record: its place in the chain is its name, so that put-if-absent lets one writer have it. */
export function evidenceKey(region: string, sequence: number): string {
  return `${evidencePrefix(region)}${String(sequence).padStart(10, '0')}.json`
}

/** Where a region's chain lies. Each region writes its own: replication brings the other's beside it. */
export function evidencePrefix(region: string): string {
  return `evidence/${region}/`
}

/** The key of the page a person reads, beside the record. */
export function reportKey(region: string, sequence: number): string {
  return `reports/${region}/${String(sequence).padStart(10, '0')}.html`
}

/** The place that a file's name says, or `null` when it says none. */
export function sequenceOf(name: string): number | null {
  const digits = /(?:^|\/)(\d{10})\.json$/.exec(name)?.[1]
  return digits === undefined ? null : Number(digits)
}
