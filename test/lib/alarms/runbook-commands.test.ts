import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { own } from '../../../twin/postgres/account.ts'
import { type Cluster, startCluster } from '../../../twin/postgres/cluster.ts'
import { createCluster } from '../../../twin/postgres/template.ts'

const runbook = readFileSync('docs/runbook.md', 'utf8')
const blocks = (language: string) =>
  [...runbook.matchAll(new RegExp(`\`\`\`${language}\n([\\s\\S]*?)\`\`\``, 'g'))].map(match => match[1] ?? '')

let root: string
let cluster: Cluster

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'holdfast-test-'))
  own(root)
  await createCluster({ dir: join(root, 'p'), version: 18 })
  cluster = await startCluster({
    dir: join(root, 'p'),
    settings: { shared_preload_libraries: 'pg_stat_statements' },
  })
  await cluster.query('create extension if not exists pg_stat_statements')
})

afterAll(async () => {
  await cluster.kill()
  rmSync(root, { recursive: true, force: true })
})

test.each(blocks('sql').map(sql => [sql]))('runs on PostgreSQL as written: %s', async sql => {
  await expect(cluster.query(sql)).resolves.toBeInstanceOf(Array)
})

test('there is SQL to run', () => expect(blocks('sql').length).toBeGreaterThan(10))

/** The SDK's package of a service of the command line, where the names differ. */
const PACKAGES: Record<string, string> = {
  s3api: 's3',
  route53: 'route-53',
  secretsmanager: 'secrets-manager',
}

/** What every command of the command line takes. */
const COMMON = new Set(['region', 'query', 'output', 'cli-connect-timeout', 'cli-read-timeout'])

/** Every call of `aws`, also those inside `$( … )`: service, operation and the names of its options. */
const calls = blocks('sh').flatMap(block =>
  [...block.matchAll(/(?<!command )\baws (\S+) (wait )?(\S+)((?:[ \t]+(?!\|)\S+)*)/g)].map(
    ([, service = '', wait = '', operation = '', rest = '']) => ({
      service,
      operation,
      isWait: wait !== '',
      options: [...rest.matchAll(/(?:^|\s)--([a-z-]+)/g)].map(([, name = '']) => name),
    }),
  ),
)

/** `DBInstanceIdentifier` as the command line writes it: `db-instance-identifier`. */
const kebab = (name: string) =>
  name
    .replaceAll(/(.)([A-Z][a-z]+)/g, '$1-$2')
    .replaceAll(/([a-z0-9])([A-Z])/g, '$1-$2')
    .toLowerCase()

/** A structure of the SDK's model: kind, namespace, name, traits, names of members. */
type Structure = readonly [number, string, string, unknown, readonly string[]]
/** An operation of the SDK's model: kind, namespace, name, traits, input, output. */
type Operation = readonly [number, string, string, unknown, () => Structure]

test.each(calls.map(call => [`${call.service} ${call.operation}`, call] as const))(
  'aws %s is in the model of the service, with each option that it is given',
  async (_, { service, operation, isWait, options }) => {
    const sdk = (await import(`@aws-sdk/client-${PACKAGES[service] ?? service}`)) as Record<string, unknown>
    const pascal = operation.replaceAll(/(^|-)([a-z0-9])/g, (_, __, letter: string) => letter.toUpperCase())
    const named = (pattern: string) =>
      Object.keys(sdk).find(name => new RegExp(`^${pattern}$`, 'i').test(name)) ?? `no ${pattern}`
    // A waiter takes what its description takes.
    if (isWait) expect(named(`waitUntil${pascal}`)).toMatch(/^waitUntil/)
    const model = sdk[isWait ? 'DescribeDBInstances$' : named(`${pascal}\\$`)] as Operation
    const members = model[4]()[4].map(kebab)
    expect(options.filter(option => !COMMON.has(option) && !members.includes(option))).toEqual([])
  },
)

test('there are commands of AWS to look at', () => expect(calls.length).toBeGreaterThan(15))

test('every variable that a command needs was set before: at the top, or in the same block', () => {
  const set = (text: string) =>
    [...text.matchAll(/(?:export |^| )([A-Z][A-Z_]*)=|\bread ((?:[A-Z_]+ ?)+)<<</gm)].flatMap(
      ([, one, many]) => (one === undefined ? (many ?? '').trim().split(' ') : [one]),
    )
  const [first = '', onTheTwin = '', second = '', ...others] = blocks('sh')
  const always = new Set([first, onTheTwin, second].flatMap(set))
  const article = runbook.split(/(?=^##? )/m)
  for (const block of others) {
    const own = article.find(text => text.includes(block)) ?? ''
    const known = new Set([...always, ...set(own.slice(0, own.indexOf(block) + block.length))])
    const used = [...block.matchAll(/\$\{?([A-Z][A-Z_]*)/g)].map(([, name = '']) => name)
    expect([block, used.filter(name => !known.has(name))]).toEqual([block, []])
  }
})

test('every holdfast command in the runbook exists', async () => {
  const source = readFileSync('bin/holdfast.ts', 'utf8')
  const verbs = new Set(
    blocks('sh')
      .flatMap(block => [...block.matchAll(/^holdfast (\S+)/gm)])
      .map(match => match[1] ?? ''),
  )
  const known = [...source.matchAll(/commands\/([a-z-]+)\.ts/g)].map(match => match[1])
  expect([...verbs].filter(verb => !known.includes(verb))).toEqual([])
})
