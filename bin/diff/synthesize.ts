import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Refusal } from '../../lambdas/runtime/failure.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

type CdkJson = { readonly app: string; readonly context?: object }

/** What the CDK command line adds to the context, so that the templates are those that it deploys. */
const METADATA = { 'aws:cdk:enable-path-metadata': true, 'aws:cdk:enable-asset-metadata': true }

/**
 * Synthesizes an environment into a folder of its own, hands it to `use` and removes it. Runs the app of cdk.json as
 * the CDK command line does, without it: offline, with the same options and context.
 */
export async function withSynthesized<Result>(
  environment: string,
  use: (folder: string) => Promise<Result>,
): Promise<Result> {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-synth-'))
  try {
    await synthesize(environment, folder)
    return await use(folder)
  } finally {
    await rm(folder, { recursive: true })
  }
}

/** Synthesizes an environment into `folder`, replacing what it holds of an assembly. @throws Refusal `SynthesisFailed` */
export async function synthesize(environment: string, folder: string): Promise<void> {
  const { app, context } = JSON.parse(await readFile(join(ROOT, 'cdk.json'), 'utf8')) as CdkJson
  // "node", its options and the program; this process's own Node runs it.
  const [, ...command] = app.split(' ')
  const env = {
    ...process.env,
    CDK_OUTDIR: folder,
    CDK_CONTEXT_JSON: JSON.stringify({ ...context, ...METADATA, env: environment }),
  }
  const { code, stderr } = await new Promise<{ code: number | string | undefined; stderr: string }>(resolve =>
    execFile(
      process.execPath,
      command,
      { cwd: ROOT, env, maxBuffer: 256 * 1024 * 1024 },
      (error, _, stderr) => resolve({ code: error ? (error.code ?? 'killed') : 0, stderr }),
    ),
  )
  if (code === 0) return
  // A configuration's faults carry their own hints; anything else is told with where to look.
  if (stderr.includes('HINT:'))
    throw new Refusal('SynthesisFailed', stderr.trim(), `holdfast check --env ${environment}`)
  throw new Refusal(
    'SynthesisFailed',
    `${app} ended with ${code}:\n${stderr.trim()}`,
    `run "npx cdk synth -q -c env=${environment}" and mend what it says`,
  )
}
