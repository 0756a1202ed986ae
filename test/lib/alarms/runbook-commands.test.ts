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

const PACKAGES: Record<string, string> = {
  rds: 'rds',
  backup: 'backup',
  elasticache: 'elasticache',
  scheduler: 'scheduler',
  s3api: 's3',
  route53: 'route-53',
}
const aws = blocks('sh')
  .flatMap(block => [...block.matchAll(/^aws (\S+) (?:wait )?(\S+)/gm)])
  .map(match => [match[1] ?? '', match[2] ?? ''] as const)

test.each(aws)('aws %s %s is an operation or a waiter of the service', async (service, operation) => {
  const sdk = (await import(`@aws-sdk/client-${PACKAGES[service]}`)) as Record<string, unknown>
  const pascal = operation
    .replace(/(^|-)([a-z0-9])/g, (_, __, letter: string) => letter.toUpperCase())
    .replaceAll('Db', 'DB')
  expect(Object.keys(sdk)).toEqual(
    expect.arrayContaining([
      expect.stringMatching(new RegExp(`^(${pascal}Command|waitUntil${pascal})$`, 'i')),
    ]),
  )
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
