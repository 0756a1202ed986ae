import { type Command, InvalidArgumentError, Option } from 'commander'

/** What every verb that asks a deployed environment understands. */
export type Where = { readonly env?: string; readonly target?: 'twin' | 'aws' }

/** `--env`; left out, the environment whose twin runs. */
export function environmentOption(): Option {
  return new Option('--env <name>', 'the environment; left out, the one whose twin runs')
}

/** `--env` and `--target`. */
export function where(command: Command): Command {
  return command
    .addOption(environmentOption())
    .addOption(
      new Option('--target <target>', 'where; left out, the twin if one runs').choices(['twin', 'aws']),
    )
}

/** `--region`, which says one of an environment's two regions by its part. */
export function placeOption(): Option {
  return new Option('--region <place>', 'which of its regions').choices(['home', 'standby']).default('home')
}

/** A count from the command line: a whole number above zero. */
export function countOf(text: string): number {
  const count = Number(text)
  if (Number.isInteger(count) && count > 0) return count
  throw new InvalidArgumentError('want a whole number above zero')
}
