// A process that runs one event and then waits to be killed; it prints the id of the function's process.
import { dirname, join } from 'node:path'
import { Functions } from '../../../twin/lambda/functions.ts'
import { Runner } from '../../../twin/lambda/runner.ts'
import { KEY, SETTINGS } from './fixture.ts'

const asset = process.argv[2] ?? ''
const directory = join(dirname(asset), 'host')
const functions = new Functions(directory)
const runner = new Runner({
  directory,
  logs: join(directory, 'logs'),
  endpoint: () => '',
  caFile: () => '',
  keyOf: () => ({ accessKeyId: 'a', secretAccessKey: 's' }),
  onLine: () => {},
  putMetric: () => {},
  watch: { started: () => {}, ended: () => {} },
})
functions.put(KEY, asset, SETTINGS, {})
const { payload } = await runner.run({
  ...functions.resolve(KEY.region, KEY.account, KEY.name),
  payload: '{}',
})
console.log(payload)
setInterval(() => {}, 1_000)
