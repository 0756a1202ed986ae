import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { App, CfnResource, Stack } from 'aws-cdk-lib'
import { assembly } from '../support/assembly.ts'
import { serveCloudFormation } from './cloudformation.ts'
import { holdfast } from './run.ts'

let root: string
let kept: string
let edited: string

// Two stacks in two regions as CDK itself synthesizes them; the second app has four dangerous edits.
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'holdfast-diff-'))
  kept = synthesized('kept', {})
  edited = synthesized('edited', { MasterUsername: 'other', AllocatedStorage: '100' }, true)
})
afterAll(() => rm(root, { recursive: true }))

function synthesized(name: string, edits: Record<string, unknown>, promoted = false): string {
  const app = new App({ outdir: join(root, name), analyticsReporting: false })
  const home = new Stack(app, 'shop-database', { env: { account: '111111111111', region: 'us-east-1' } })
  instance(home, 'Primary', {
    DBInstanceIdentifier: 'shop',
    MasterUsername: 'admin_of_shop',
    AllocatedStorage: '200',
    ...edits,
  })
  const standby = new Stack(app, 'shop-standby', { env: { account: '111111111111', region: 'us-west-2' } })
  instance(standby, 'Standby', {
    DBInstanceIdentifier: 'shop-standby',
    ...(!promoted && { SourceDBInstanceIdentifier: 'arn:aws:rds:us-east-1:111111111111:db:shop' }),
  })
  instance(standby, 'Restored', {
    DBInstanceIdentifier: 'shop-restored',
    ...(!promoted && { DBSnapshotIdentifier: 'shop-before-the-merger' }),
  })
  return app.synth().directory
}

function instance(stack: Stack, id: string, properties: Record<string, unknown>): void {
  new CfnResource(stack, id, { type: 'AWS::RDS::DBInstance', properties })
}

const AWS = { AWS_ACCESS_KEY_ID: 'test', AWS_SECRET_ACCESS_KEY: 'test', AWS_REGION: 'eu-west-1' }

test('passes when nothing changed', async () => {
  const { code, stdout } = await holdfast(['diff', '--assembly', kept, '--against', kept])
  expect(code).toBe(0)
  expect(stdout).toContain('0 resources differ in 2 stacks')
  expect(stdout).toContain('nothing is lost')
})

test('fails, naming resource, property, values and consequence of each danger', async () => {
  const { code, stdout, stderr } = await holdfast(['diff', '--assembly', edited, '--against', kept])
  expect(code).toBe(1)
  expect(stderr).not.toMatch(/^ +at /m)
  expect(stdout).toMatch(
    /shop-database\/Primary MasterUsername\n {2}"admin_of_shop" → "other"\n {2}AWS::RDS::DBInstance "shop" must be replaced/,
  )
  expect(stdout).toMatch(/shop-database\/Primary AllocatedStorage\n {2}"200" → "100"\n.*cannot shrink/)
  expect(stdout).toMatch(
    /shop-standby\/Standby SourceDBInstanceIdentifier\n.* → nothing\n.*would be promoted/,
  )
  expect(stdout).toMatch(/shop-standby +Standby +AWS::RDS::DBInstance +SourceDBInstanceIdentifier/)
  expect(stdout).toMatch(
    /shop-standby\/Restored DBSnapshotIdentifier\n {2}"shop-before-the-merger" → nothing\n.*an empty database/,
  )
  expect(stdout).toContain('4 dangerous changes: do not deploy this')
})

test('tells the same to machines', async () => {
  const { code, stdout } = await holdfast(['diff', '--assembly', edited, '--against', kept, '--json'])
  expect(code).toBe(1)
  expect(JSON.parse(stdout)).toMatchObject({
    compared: 2,
    changed: 3,
    stateful: 3,
    refused: 4,
    findings: [
      { stack: 'shop-database', logicalId: 'Primary', property: 'MasterUsername', after: 'other' },
      { stack: 'shop-standby', logicalId: 'Standby', property: 'SourceDBInstanceIdentifier' },
      { stack: 'shop-standby', logicalId: 'Restored', property: 'DBSnapshotIdentifier' },
      { stack: 'shop-database', logicalId: 'Primary', property: 'AllocatedStorage' },
    ],
  })
})

test('lets pass what is allowed with a reason, and only that', async () => {
  const args = ['diff', '--assembly', edited, '--against', kept, '--reason', 'the region failed over']
  const one = await holdfast([...args, '--allow', 'Standby'])
  expect(one.code).toBe(1)
  expect(one.stdout).toContain('allowed: the region failed over')
  expect(one.stdout).toContain('3 dangerous changes')
  const ids = ['--allow', 'shop-standby/Standby', '--allow', 'Primary', '--allow', 'Restored']
  const all = await holdfast([...args, ...ids])
  expect(all.code).toBe(0)
  expect(all.stdout).toContain('4 dangerous, all allowed: the region failed over')
})

test.each([
  [['--allow', 'Primary'], '--allow was given without a reason'],
  [['--allow', 'Primary', '--reason', ' '], '--allow was given without a reason'],
  [['--allow', 'Nobody', '--reason', 'x'], '--allow Nobody names nothing that needs it'],
])('refuses %p', async (args, sentence) => {
  const { code, stderr } = await holdfast(['diff', '--assembly', edited, '--against', kept, ...args])
  expect(code).toBe(1)
  expect(stderr).toContain(sentence)
  expect(stderr).toContain('HINT:')
})

test('refuses a folder without templates instead of finding nothing wrong', async () => {
  const empty = join(root, 'empty')
  await mkdir(empty)
  for (const folder of [empty, join(root, 'missing')]) {
    const { code, stderr } = await holdfast(['diff', '--assembly', kept, '--against', folder])
    expect(code).toBe(1)
    expect(stderr).toMatch(/holds no \.template\.json|cannot read/)
  }
})

test('refuses a template that is no JSON', async () => {
  const broken = join(root, 'broken')
  await mkdir(broken)
  await writeFile(join(broken, 'shop-database.template.json'), 'Resources:')
  const { code, stderr } = await holdfast(['diff', '--assembly', kept, '--against', broken])
  expect(code).toBe(1)
  expect(stderr).toContain('is not JSON')
})

test('takes a stack that left the assembly for a removal of all that is in it', async () => {
  const half = join(root, 'half')
  await holdfast(['diff', '--assembly', kept, '--save', half])
  await rm(join(half, 'shop-standby.template.json'))
  const { code, stdout } = await holdfast(['diff', '--assembly', half, '--against', kept])
  expect(code).toBe(1)
  expect(stdout).toMatch(/shop-standby\/Standby\n.*a replica gets no final snapshot/)
  expect(stdout).toMatch(/shop-standby\/Restored\n.*is deleted after a final snapshot/)
})

test('keeps what a later comparison needs', async () => {
  const saved = join(root, 'saved')
  const { code, stdout } = await holdfast(['diff', '--assembly', kept, '--save', saved])
  expect(code).toBe(0)
  expect(stdout).toBe(`saved 2 templates in ${saved}\n`)
  expect((await readdir(saved)).toSorted()).toEqual([
    'manifest.json',
    'shop-database.template.json',
    'shop-standby.template.json',
  ])
  expect((await holdfast(['diff', '--assembly', edited, '--against', saved])).code).toBe(1)
})

test('compares with what is deployed, each stack in its own region', async () => {
  const aws = await serveCloudFormation({
    'us-east-1': {
      'shop-database': {
        Resources: {
          Primary: {
            Type: 'AWS::RDS::DBInstance',
            Properties: { DBInstanceIdentifier: 'shop', MasterUsername: 'first', AllocatedStorage: '200' },
          },
        },
      },
    },
  })
  try {
    const env = { ...AWS, AWS_ENDPOINT_URL_CLOUDFORMATION: aws.endpoint }
    const { code, stdout } = await holdfast(['diff', '--assembly', kept], env)
    expect(stdout).toMatch(/Primary MasterUsername\n {2}"first" → "admin_of_shop"/)
    // The standby was never deployed: it is new, not lost.
    expect(stdout).toMatch(/shop-standby +Standby +AWS::RDS::DBInstance +new/)
    expect(stdout).toContain('1 dangerous change: do not deploy this')
    expect(code).toBe(1)
    expect(aws.asked.toSorted()).toEqual([
      'us-east-1 GetTemplate shop-database',
      'us-east-1 ListStacks',
      'us-west-2 ListStacks',
    ])
  } finally {
    await aws.close()
  }
})

test('says so when nothing is deployed yet', async () => {
  const aws = await serveCloudFormation({})
  try {
    const env = { ...AWS, AWS_ENDPOINT_URL_CLOUDFORMATION: aws.endpoint }
    const { code, stdout } = await holdfast(['diff', '--assembly', kept], env)
    expect(code).toBe(0)
    expect(stdout).toContain('nothing is deployed under these names yet: everything is new')
  } finally {
    await aws.close()
  }
})

test('refuses a deployed template that CDK did not write', async () => {
  const aws = await serveCloudFormation({ 'us-east-1': { 'shop-database': 'Resources: {}' } })
  try {
    const env = { ...AWS, AWS_ENDPOINT_URL_CLOUDFORMATION: aws.endpoint }
    const { code, stderr } = await holdfast(['diff', '--assembly', kept], env)
    expect(code).toBe(1)
    expect(stderr).toContain('the deployed template of shop-database is not JSON')
  } finally {
    await aws.close()
  }
})

test('fails when AWS does not answer, instead of taking silence for nothing deployed', async () => {
  const env = { ...AWS, AWS_ENDPOINT_URL_CLOUDFORMATION: 'http://127.0.0.1:9', AWS_MAX_ATTEMPTS: '1' }
  const { code, stdout, stderr } = await holdfast(['diff', '--assembly', kept], env)
  expect(code).toBe(1)
  expect(stdout).toBe('')
  expect(stderr).toMatch(/CloudFormation in us-east-1 did not say what is deployed: \S+/)
  expect(stderr).toContain('HINT: sign in to the account')
  expect(stderr).not.toMatch(/^ +at /m)
})

test('synthesizes an environment, and finds nothing lost against what was synthesized before', async () => {
  const { directory, stacks } = await assembly('dev')
  const { code, stdout } = await holdfast(['diff', '--env', 'dev', '--against', directory])
  expect(stdout).toContain(`differ in ${stacks.length} stacks, 0 of them hold data or an identity`)
  expect(stdout).toContain('nothing is lost')
  expect(code).toBe(0)
}, 240_000)

test('refuses an unknown environment before synthesizing', async () => {
  const { code, stderr } = await holdfast(['diff', '--env', 'nope'])
  expect(code).toBe(1)
  expect(stderr).toContain('use one of: dev, staging, prod')
})
