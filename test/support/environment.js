import { TestEnvironment } from 'jest-environment-node'

/** What a person's or a CI's shell may say to the SDK, to PostgreSQL's clients, to Node or to a terminal. */
const THEIRS =
  /^(AWS_|CDK_|PG[A-Z]+$|HOLDFAST_TWINS$|(NO|FORCE)_COLOR$|CLICOLOR|COLUMNS$|LINES$|NODE_(OPTIONS|DEBUG)$|DEBUG$)/

/** Node's environment without those and with the usual umask, for the tests and for every process that they start. */
export default class extends TestEnvironment {
  constructor(...args) {
    // A real account is spoken to with its credentials.
    if (process.env.HOLDFAST_TARGET !== 'aws')
      for (const name of Object.keys(process.env)) if (THEIRS.test(name)) delete process.env[name]
    process.umask(0o022)
    super(...args)
  }
}
