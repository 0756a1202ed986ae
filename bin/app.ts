import { enableCompileCache } from 'node:module'
import { describeUnreadable, InvalidEnvironment } from '../config/fault.ts'
import { bundle, VERBS } from '../lib/bundles.ts'

// Half of a synth is reading CDK: what Node compiled the last time is kept, beside the bundles.
enableCompileCache(new URL('../.holdfast/compiled', import.meta.url).pathname)

try {
  // esbuild works beside this process, so it runs while the much larger CDK is being loaded. It is done last all the
  // same: a sixth sooner when it collects garbage rarely, which it takes from the environment alone.
  process.env.GOGC ??= '400'
  const bundling = bundle(VERBS)
  // Before CDK: a mistake in a configuration is told at once.
  const { loadEnvironment } = await import('../config/environments.ts')
  const [{ App, Validations }, { createStacks }, { acknowledge, addPacks }, { TemplateRules }] =
    await Promise.all([
      import('aws-cdk-lib'),
      import('../lib/stacks.ts'),
      import('../lib/compliance.ts'),
      import('../lib/template-rules.ts'),
    ])
  const app = new App({ analyticsReporting: false, builtinCloudFormationValidation: false })
  Validations.of(app).addPlugins(new TemplateRules())
  const environment: unknown = app.node.tryGetContext('env')
  if (typeof environment !== 'string')
    throw new InvalidEnvironment('the request', [
      {
        path: 'env',
        value: environment,
        sentence: 'which environment to synthesize was not said',
        hint: 'add -c env=prod (or dev, staging)',
      },
    ])
  const config = loadEnvironment(environment)
  createStacks(app, config, await bundling)
  const withPacks = Boolean(app.node.tryGetContext('compliance'))
  acknowledge(app, config, withPacks)
  if (withPacks) await addPacks(app)
  app.synth()
} catch (error) {
  // A wrong configuration is a sentence to its author; a stack trace is for our own mistakes.
  const mistake = error instanceof InvalidEnvironment ? error.message : describeUnreadable(error as Error)
  if (mistake === undefined) throw error
  console.error(mistake)
  process.exitCode = 1
}
