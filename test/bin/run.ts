import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const HOLDFAST = fileURLToPath(new URL('../../bin/holdfast.ts', import.meta.url))

/** What a command printed and how it ended. */
export type Ended = { readonly code: number; readonly stdout: string; readonly stderr: string }

/** Runs the real command line in a process of its own, without colour. */
export function holdfast(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Ended> {
  return start(args, env).ended
}

/** The same for whoever wants to interrupt it. */
export function start(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const { promise, resolve } = Promise.withResolvers<Ended>()
  const child = execFile(
    process.execPath,
    [HOLDFAST, ...args],
    { env: { ...process.env, NO_COLOR: '1', ...env }, maxBuffer: 64 * 1024 * 1024 },
    (error, stdout, stderr) => resolve({ code: error ? Number(error.code ?? -1) : 0, stdout, stderr }),
  )
  return { child, ended: promise }
}
