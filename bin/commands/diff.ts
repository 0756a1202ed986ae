import type { Danger, ResourceChange } from '../../config/change/danger.ts'
import { dangersOf } from '../../config/change.ts'
import { writtenEnvironment } from '../../config/environments.ts'
import { Refusal } from '../../lambdas/runtime/failure.ts'
import type { Verb } from '../holdfast.ts'
import { paint, print, table } from '../terminal.ts'

const EXAMPLES = `
Examples:
  holdfast diff --env prod                          against what is deployed
  holdfast diff --env prod --save .baseline         keep this assembly for later
  holdfast diff --env prod --against .baseline      offline, against a kept one
  holdfast diff --env prod --allow DatabaseReadA1B2 --reason "read-2 is retired, see ticket 7"

Exit code 1 when a change would lose data, a way back or protection and is not allowed.`

type Options = {
  env: string
  against?: string
  assembly?: string
  save?: string
  allow: string[]
  reason?: string
  json?: boolean
}

/** `holdfast diff`: what a deployment would do to what cannot be made again. */
export const register: Verb = program => {
  program
    .command('diff')
    .description('fail on any change that would replace, remove, promote or unprotect what holds data')
    .option('--env <name>', 'the environment to synthesize', 'prod')
    .option('--against <dir>', 'a cdk.out or a saved assembly, instead of what is deployed')
    .option('--assembly <dir>', 'an assembly that is synthesized already, instead of synthesizing')
    .option('--save <dir>', 'keep the synthesized templates there; compares only if --against is given too')
    .option(
      '--allow <id>',
      'let this resource change (logical id, or stack/logical id); may be repeated',
      collect,
      [],
    )
    .option('--reason <text>', 'why; required by --allow')
    .option('--json', 'for machines')
    .addHelpText('after', EXAMPLES)
    .action(diff)
}

function collect(value: string, before: string[]): string[] {
  return [...before, value]
}

/** One danger and, when a person let it pass, why. */
type Finding = Danger & { readonly allowed?: string }

async function diff(options: Options): Promise<void> {
  if (options.allow.length > 0 && !options.reason?.trim())
    throw new Refusal('NoReason', '--allow was given without a reason', 'add --reason "why this may happen"')
  if (options.assembly) return compare(options, options.assembly)
  writtenEnvironment(options.env)
  const { withSynthesized } = await import('../diff/synthesize.ts')
  await withSynthesized(options.env, folder => compare(options, folder))
}

async function compare(options: Options, folder: string): Promise<void> {
  const { readAssembly, saveAssembly } = await import('../diff/assembly.ts')
  const after = await readAssembly(folder)
  if (options.save) {
    await saveAssembly(folder, options.save)
    if (!options.json) print(`saved ${after.templates.size} templates in ${options.save}`)
    if (!options.against) return
  }
  const before = options.against
    ? await readAssembly(options.against)
    : await (await import('../diff/deployed.ts')).readDeployed(after)
  const { compareAssemblies } = await import('../diff/compare.ts')
  report(options, compareAssemblies(before, after), before.templates.size)
}

function report(options: Options, changes: readonly ResourceChange[], compared: number): void {
  const findings = allow(dangersOf(changes), options)
  const refused = findings.filter(finding => finding.allowed === undefined)
  if (refused.length > 0) process.exitCode = 1
  if (options.json) {
    const counted = {
      compared,
      changed: changes.length,
      stateful: changes.filter(each => each.stateful).length,
    }
    print(JSON.stringify({ ...counted, refused: refused.length, findings }, null, 2))
    return
  }
  print(describe(changes, findings, compared))
}

function allow(dangers: readonly Danger[], { allow: ids, reason = '' }: Options): Finding[] {
  const names = (danger: Danger, id: string) =>
    id === danger.logicalId || id === `${danger.stack}/${danger.logicalId}`
  const idle = ids.find(id => !dangers.some(danger => names(danger, id)))
  if (idle !== undefined)
    throw new Refusal(
      'NothingToAllow',
      `--allow ${idle} names nothing that needs it`,
      'remove it, so that it cannot hide the next change',
    )
  return dangers.map(danger => (ids.some(id => names(danger, id)) ? { ...danger, allowed: reason } : danger))
}

function describe(
  changes: readonly ResourceChange[],
  findings: readonly Finding[],
  compared: number,
): string {
  const stateful = changes.filter(change => change.stateful)
  const head =
    compared === 0
      ? 'nothing is deployed under these names yet: everything is new'
      : `${changes.length} resources differ in ${compared} stacks, ${stateful.length} of them hold data or an identity`
  if (findings.length === 0)
    return [head, summary(stateful), paint('green', 'nothing is lost')].filter(Boolean).join('\n\n')
  const refused = findings.filter(finding => finding.allowed === undefined)
  return [
    head,
    summary(stateful),
    ...findings.map(sentence),
    refused.length === 0
      ? paint('yellow', `${findings.length} dangerous, all allowed: ${findings[0]?.allowed}`)
      : paint(
          'red',
          `${refused.length} dangerous ${refused.length === 1 ? 'change' : 'changes'}: do not deploy this`,
        ),
  ]
    .filter(Boolean)
    .join('\n\n')
}

function summary(stateful: readonly ResourceChange[]): string {
  if (stateful.length === 0) return ''
  return table(
    ['stack', 'resource', 'type', 'change'],
    stateful.map(({ stack, logicalId, type, before, after, properties }) => [
      stack,
      logicalId,
      type,
      !before ? 'new' : after ? properties.map(property => property.name).join(', ') || 'policies' : 'gone',
    ]),
  )
}

function sentence(finding: Finding): string {
  const where = `${finding.stack}/${finding.logicalId}${finding.property ? ` ${finding.property}` : ''}`
  const values = finding.property ? `  ${write(finding.before)} → ${write(finding.after)}\n` : ''
  return finding.allowed === undefined
    ? `${paint('red', where)}\n${values}  ${finding.consequence}\n  HINT: ${finding.hint}`
    : `${paint('yellow', where)}\n${values}  ${finding.consequence}\n  allowed: ${finding.allowed}`
}

function write(value: unknown): string {
  const text = value === undefined ? 'nothing' : JSON.stringify(value)
  return text.length > 80 ? `${text.slice(0, 79)}…` : text
}
