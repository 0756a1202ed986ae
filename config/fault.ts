/** One thing wrong with a configuration: where, what was found, why it cannot stand, and one step that mends it. */
export type Fault = {
  /** As a person would write it in TypeScript: `database.replicas[0].name`. */
  readonly path: string
  /** What was found there; `undefined` when nothing was. */
  readonly value: unknown
  /** A lower-case fact without the value, e.g. `a read replica needs automated backups on its source`. */
  readonly sentence: string
  /** One plain step. */
  readonly hint: string
}

/** `path = value: sentence`, then the hint on a line of its own. */
export function describeFault(fault: Fault): string {
  const found = fault.value === undefined ? 'nothing' : JSON.stringify(fault.value)
  return `${fault.path} = ${found}: ${fault.sentence}\n  HINT: ${fault.hint}`
}

/**
 * A file of a configuration that cannot be loaded, as its author needs it: the place, the line and what is wrong with
 * it, without the stack of the loader. `undefined` for an error that is no mistake of writing.
 */
export function describeUnreadable(error: Error): string | undefined {
  const [head = '', frame = ''] = (error.stack ?? '').split(/\n {4}at /)
  const what = `\nHINT: mend it; "npm run typecheck" tells more`
  // What cannot be parsed or linked has its place above the message.
  if (error instanceof SyntaxError && /^\S+:\d+\n/.test(head))
    return `${head.replace(/^file:\/\//, '')}${what}`
  // What cannot be evaluated stands in the first frame: outside of any function, in the file itself.
  const place = /^file:\/\/(\S+\/config\/[\w-]+\.ts:\d+:\d+)(\n|$)/.exec(frame)?.[1]
  return place === undefined ? undefined : `${place}\n${head}${what}`
}

/** A configuration that must not be synthesized. Carries every fault that was found, not only the first. */
export class InvalidEnvironment extends Error {
  override readonly name = 'InvalidEnvironment'
  readonly faults: readonly Fault[]

  constructor(what: string, faults: readonly Fault[]) {
    const count = faults.length === 1 ? '1 fault' : `${faults.length} faults`
    super([`${what} has ${count}`, ...faults.map(describeFault)].join('\n\n'))
    this.faults = faults
  }
}
