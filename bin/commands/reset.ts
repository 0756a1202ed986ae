import { existsSync, rmSync } from 'node:fs'
import { createInterface } from 'node:readline/promises'
import type { Verb } from '../holdfast.ts'
import { print } from '../terminal.ts'

const EXAMPLES = `
Examples:
  holdfast reset               asks before it removes prod's twin
  holdfast reset --env dev --yes`

/** `holdfast reset`: stops a twin and removes everything that it holds. */
export const register: Verb = program => {
  program
    .command('reset')
    .description('stop the twin and remove everything that it holds')
    .option('--env <name>', 'the environment', 'prod')
    .option('--yes', 'do not ask')
    .option('--json', 'for machines')
    .addHelpText('after', EXAMPLES)
    .action(reset)
}

async function reset(options: { env: string; yes?: boolean; json?: boolean }): Promise<void> {
  const { findTwin, twinRoot } = await import('../target.ts')
  const root = twinRoot(options.env)
  if (!existsSync(root)) {
    print(options.json ? JSON.stringify({ removed: null }) : `there is no twin of ${options.env}`)
    return
  }
  if (!options.yes && !(await isSure(root))) {
    print('nothing was removed')
    return
  }
  const twin = findTwin(options.env)
  if (twin) await (await import('./down.ts')).stopTwin(twin)
  rmSync(root, { recursive: true, force: true })
  print(options.json ? JSON.stringify({ removed: root }) : `removed ${root}`)
}

async function isSure(root: string): Promise<boolean> {
  if (!process.stdin.isTTY)
    throw new Error(`this removes ${root} with every database in it\nHINT: add --yes if that is meant`)
  const prompt = createInterface({ input: process.stdin, output: process.stderr })
  try {
    const answer = await prompt.question(`Remove ${root} with every database in it? Type yes: `)
    return answer.trim() === 'yes'
  } finally {
    prompt.close()
  }
}
