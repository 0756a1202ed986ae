// The smallest CDK app that has a database: what a synth costs before anybody has written a line.
import { App, Stack } from 'aws-cdk-lib'
import { Vpc } from 'aws-cdk-lib/aws-ec2'
import { DatabaseInstance, DatabaseInstanceEngine, PostgresEngineVersion } from 'aws-cdk-lib/aws-rds'

const app = new App({ analyticsReporting: false })
const stack = new Stack(app, 'Minimal')
const vpc = new Vpc(stack, 'Vpc')
const engine = DatabaseInstanceEngine.postgres({ version: PostgresEngineVersion.VER_18_3 })
new DatabaseInstance(stack, 'Database', { vpc, engine })
app.synth()
