import { ENVIRONMENTS, type Judgement, judgeEnvironment } from '../../config/environments.ts'
import { describeFault } from '../../config/fault.ts'
import { readConfig } from '../../config/parse.ts'
import { readEnvironmentFile } from '../environment-file.ts'
import type { Verb } from '../holdfast.ts'
import { paint, print } from '../terminal.ts'

const EXAMPLES = `
Examples:
  holdfast check                    every environment in config/
  holdfast check --env prod
  holdfast check --file draft.ts    a file that exports one environment; .json works too`

type Options = { env?: string; file?: string; json?: boolean }

/** `holdfast check`: judges environments without synthesizing them, and prints every fault of each. Exit code 1 on any. */
export const register: Verb = program => {
  program
    .command('check')
    .description('judge environments: every fault of shape and of meaning, at once')
    .option('--env <name>', 'one environment of config/')
    .option('--file <path>', 'an environment elsewhere')
    .option('--json', 'for machines')
    .addHelpText('after', EXAMPLES)
    .action(check)
}

async function check(options: Options): Promise<void> {
  const judged = (await judgements(options)).map(([environment, { faults, notes }]) => ({
    environment,
    faults,
    notes,
  }))
  if (judged.some(({ faults }) => faults.length > 0)) process.exitCode = 1
  if (options.json) return print(JSON.stringify(judged, null, 2))
  for (const { environment, faults, notes } of judged) {
    print(
      faults.length === 0
        ? `${paint('green', 'ok')}  ${environment}`
        : `${paint('red', `${faults.length} ${faults.length === 1 ? 'fault' : 'faults'}`)}  ${environment}`,
    )
    for (const fault of faults) print(`\n${describeFault(fault)}`)
    if (faults.length > 0) print()
    for (const note of notes)
      print(`${paint('yellow', 'look')}  ${note}\n  HINT: ask for it before you deploy, in Service Quotas`)
  }
}

/** A file is judged by itself: it may be a draft of one of the environments beside which it would be judged. */
async function judgements({ file, env }: Options): Promise<[string, Judgement][]> {
  if (file) return [[file, { ...readConfig(await readEnvironmentFile(file)), notes: [] }]]
  return (env ? [env] : [...ENVIRONMENTS.keys()]).map(name => [name, judgeEnvironment(name)])
}
