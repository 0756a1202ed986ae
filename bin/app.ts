import { App } from 'aws-cdk-lib'
import { loadEnvironment } from '../config/environments.ts'
import { InvalidEnvironment } from '../config/fault.ts'
import { createStacks } from '../lib/stacks.ts'

const app = new App({ analyticsReporting: false })
const environment: unknown = app.node.tryGetContext('env')

try {
  if (typeof environment !== 'string')
    throw new InvalidEnvironment('the request', [
      {
        path: 'env',
        value: environment,
        sentence: 'which environment to synthesize was not said',
        hint: 'add -c env=prod (or dev, staging)',
      },
    ])
  createStacks(app, loadEnvironment(environment))
  app.synth()
} catch (error) {
  // A wrong configuration is a sentence to its author; a stack trace is for our own mistakes.
  if (!(error instanceof InvalidEnvironment)) throw error
  console.error(error.message)
  process.exitCode = 1
}
