import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from '@jest/globals'
import { loadEnvironment } from '../../config/environments.ts'
import { parseExpectations } from '../../lambdas/backup-verification/request.ts'
import { parseRequest } from '../../lambdas/restore-drill/request.ts'
import { configDigest } from '../../lib/verbs.ts'
import { assembly, type Template } from '../support/assembly.ts'
import { plain } from '../support/plain.ts'

const LAMBDAS = join(import.meta.dirname, '..', '..', 'lambdas')
const prod = await assembly('prod')
const staging = await assembly('staging')
const dev = await assembly('dev')
const home = prod.template('recovery')
const standby = prod.template('standby-recovery')

const pascal = (verb: string) =>
  verb.replace(/(^|-)([a-z])/g, (_, __, letter: string) => letter.toUpperCase())
const verbs = (await readdir(LAMBDAS, { withFileTypes: true }))
  .filter(entry => entry.isDirectory() && entry.name !== 'runtime')
  .map(entry => entry.name)

function functionOf(template: Template, verb: string) {
  const found = Object.entries(template.Resources).find(
    ([id, one]) => one.Type === 'AWS::Lambda::Function' && id.startsWith(`Functions${pascal(verb)}Function`),
  )
  if (!found) throw new Error(`no function ${verb}`)
  return found[1].Properties
}

const schedules = (template: Template) =>
  Object.entries(template.Resources)
    .filter(([, one]) => one.Type === 'AWS::Scheduler::Schedule')
    .map(([, one]) => one.Properties)
const scheduleOf = (template: Template, verb: string) =>
  schedules(template).filter(one => plain(one.Target.Arn).startsWith(`<Functions${pascal(verb)}Live`))

describe('every Lambda of the repository', () => {
  test.each(verbs)('%s is deployed in the home region, with its alias as an output', verb => {
    const properties = functionOf(home, verb)
    expect(properties).toMatchObject({
      Runtime: 'nodejs24.x',
      Architectures: ['arm64'],
      Handler: 'index.handler',
      LoggingConfig: { LogFormat: 'Text' },
    })
    // A name would have to be given up before durability could change.
    expect(properties.FunctionName).toBeUndefined()
    expect(plain(home.Outputs?.[`${pascal(verb)}Arn`]?.Value)).toMatch(/^<Functions\w+Live\w+>$/)
  })

  test.each(verbs)('%s gets every variable that its names.ts lists, with a value', async verb => {
    const { ENV } = (await import(join(LAMBDAS, verb, 'names.ts'))) as { ENV: Record<string, string> }
    const { Environment } = functionOf(home, verb)
    const variables = Environment?.Variables ?? {}
    for (const name of Object.values(ENV))
      expect([name, plain(variables[name]) || 'empty']).not.toEqual([name, 'empty'])
  })

  test.each(verbs)('%s knows its own code by the hash of its bundle', async verb => {
    const { ENV } = (await import(join(LAMBDAS, verb, 'names.ts'))) as { ENV: Record<string, string> }
    if (!ENV.code) return
    const properties = functionOf(home, verb)
    expect(properties.Environment.Variables.HOLDFAST_CODE).toMatch(/^[0-9a-f]{64}$/)
    expect(properties.Code.S3Key).toContain('.zip')
  })

  test.each(verbs)('%s has its variables encrypted with our key', verb => {
    expect(plain(functionOf(home, verb).KmsKeyArn)).toMatch(/foundation\.PublishOutput.*KeysData/)
  })

  test.each(verbs)('%s writes into a log group of its own, encrypted and kept', verb => {
    const group = home.Resources[functionOf(home, verb).LoggingConfig.LogGroup.Ref]
    expect(group?.Properties.RetentionInDays).toBe(90)
    expect(group?.Properties.KmsKeyId).toBeDefined()
  })
})

describe('a function', () => {
  const INSIDE = ['archiver', 'examine', 'heartbeat', 'migrate', 'roll-forward', 'workload']

  test.each(INSIDE)(
    '%s talks to a database, so it runs in the data subnets and trusts the authorities of RDS',
    verb => {
      const { VpcConfig, Environment } = functionOf(home, verb)
      expect(VpcConfig.SubnetIds).toHaveLength(3)
      for (const subnet of plain(VpcConfig.SubnetIds)) expect(subnet).toContain('dataSubnet')
      expect(Environment.Variables.NODE_EXTRA_CA_CERTS).toBe('/var/runtime/ca-cert.pem')
    },
  )

  test.each(verbs.filter(verb => !INSIDE.includes(verb)))(
    '%s talks to AWS only, so it runs outside',
    verb => {
      expect(functionOf(home, verb).VpcConfig).toBeUndefined()
    },
  )

  test('that drills is durable, and keeps the versions that an execution may still replay', () => {
    expect(functionOf(home, 'restore-drill').DurableConfig).toEqual({
      ExecutionTimeout: 86_400,
      RetentionPeriodInDays: 90,
    })
    for (const version of Object.values(prod.resources('recovery', 'AWS::Lambda::Version')))
      expect(version.DeletionPolicy).toBe('Retain')
  })

  test('that migrates carries the migrations beside its code', async () => {
    const key: string = functionOf(home, 'migrate').Code.S3Key
    const folder = join(prod.directory, `asset.${key.replace('.zip', '')}`)
    const expected = (await readdir(join(LAMBDAS, '..', 'sql', 'migrations'))).filter(name =>
      name.endsWith('.sql'),
    )
    expect((await readdir(join(folder, 'migrations'))).sort()).toEqual(expected.sort())
    expect((await readFile(join(folder, 'index.mjs'), 'utf8')).slice(0, 30)).toContain('createRequire')
  })
})

test('the schema is migrated before anything is scheduled', () => {
  const [migration] = Object.entries(home.Resources).find(([, one]) => one.Type === 'Custom::Trigger') ?? []
  for (const resource of Object.values(home.Resources))
    if (resource.Type === 'AWS::Scheduler::Schedule') expect(resource.DependsOn).toContain(migration)
  const trigger = prod.only('recovery', 'Custom::Trigger').Properties
  expect(plain(trigger.HandlerArn)).toMatch(/^<FunctionsMigrateFunctionCurrentVersion/)
  expect(trigger.InvocationType).toBe('RequestResponse')
})

describe('schedules', () => {
  test.each([
    ['heartbeat', 'rate(1 minute)'],
    ['archiver', 'rate(1 minute)'],
    ['reaper', 'rate(1 hour)'],
    ['archive-verification', 'rate(1 day)'],
    ['backup-verification', 'cron(30 6 * * ? *)'],
  ])('start %s by %s', (verb, expression) => {
    expect(scheduleOf(home, verb).map(one => one.ScheduleExpression)).toEqual([expression])
  })

  test('keep what they send encrypted with our key', () => {
    for (const schedule of schedules(home))
      expect(plain(schedule.KmsKeyArn)).toMatch(/foundation\.PublishOutput.*KeysData/)
  })

  test('reach every function by its alias, and by no other way', () => {
    const aliases = Object.entries(home.Resources)
      .filter(([, one]) => one.Type === 'AWS::Lambda::Alias')
      .map(([id]) => `<${id}>`)
    for (const schedule of schedules(home)) expect(aliases).toContain(plain(schedule.Target.Arn))
  })

  test('drill weekly to the moment before the backup window, for the stated objective', () => {
    const [drill, ...controls] = scheduleOf(home, 'restore-drill').sort(
      (a, b) => a.Description.localeCompare(b.Description) * -1,
    )
    expect(drill?.ScheduleExpression).toBe('cron(30 3 ? * WED *)')
    expect(JSON.parse(drill?.Target.Input)).toEqual({
      mode: 'bad-write',
      target: { kind: 'before-backup-window', window: '03:30-04:30' },
      region: 'home',
      objective: { rpoSeconds: 300, rtoSeconds: 3600 },
      coverageFloor: 0.99,
      assertions: [],
      requestedBy: 'schedule bad-write',
    })
    expect(controls).toHaveLength(5)
  })

  test('put a known fault in front of the verifier every week of the month', () => {
    const controls = scheduleOf(home, 'restore-drill')
      .map(one => [one.ScheduleExpression, JSON.parse(one.Target.Input).negativeControl])
      .filter(([, fault]) => fault !== undefined)
    expect(Object.fromEntries(controls)).toEqual({
      'cron(0 12 ? * 7#1 *)': 'row-deleted',
      'cron(0 12 ? * 7#2 *)': 'row-changed',
      'cron(0 12 ? * 7#3 *)': 'index-dropped',
      'cron(0 12 ? * 7#4 *)': 'grant-lost',
      'cron(0 12 ? * 7#5 *)': 'wrong-time',
    })
  })

  test('send drills that the drill itself accepts', () => {
    for (const one of [prod, staging, dev])
      for (const schedule of scheduleOf(one.template('recovery'), 'restore-drill'))
        expect(() => parseRequest(JSON.parse(schedule.Target.Input))).not.toThrow()
  })
})

describe('what backup-verification expects', () => {
  test.each([prod, staging, dev])('is what it can read', one => {
    const text = functionOf(one.template('recovery'), 'backup-verification').Environment.Variables
      .EXPECTATIONS
    expect(() => parseExpectations(JSON.parse(text))).not.toThrow()
  })

  test('names everything that protects the database, in both regions', () => {
    const { regions } = JSON.parse(functionOf(home, 'backup-verification').Environment.Variables.EXPECTATIONS)
    expect(regions.map((one: { region: string }) => one.region)).toEqual(['us-east-1', 'us-west-2'])
    expect(regions[0].instances[0]).toEqual({ identifier: 'shop-prod', retentionDays: 30 })
    expect(regions[0].vaults).toEqual([{ name: 'shop-prod', source: 'shop-prod', withinSeconds: 50_400 }])
    for (const { keys } of regions)
      expect(keys).toEqual([
        { key: 'alias/shop-prod', rotatesWithinDays: 365 },
        { key: 'alias/shop-prod-evidence' },
      ])
    expect(regions[1].replicated).toEqual([
      { source: 'shop-prod', sourceRegion: 'us-east-1', retentionDays: 30 },
    ])
    expect(regions[0].buckets.map((bucket: { replicatesTo: string }) => bucket.replicatesTo)).toEqual(
      ['segments', 'exports', 'evidence'].map(purpose => `shop-prod-${purpose}-111111111111-us-west-2`),
    )
  })
})

describe('the other region', () => {
  test('drills, examines, reaps and verifies by itself, with its own key and archives', () => {
    for (const verb of ['restore-drill', 'examine', 'reaper', 'archive-verification'])
      expect(functionOf(standby, verb)).toBeDefined()
    const variables = functionOf(standby, 'restore-drill').Environment.Variables
    expect(variables).toMatchObject({
      SOURCE_INSTANCE: 'shop-prod',
      SOURCE_REGION: 'us-east-1',
      REFERENCE_INSTANCE: 'shop-prod-standby',
      EVIDENCE_BUCKET: 'shop-prod-evidence-111111111111-us-west-2',
    })
    expect(variables.EVIDENCE_KEY_ARN['Fn::GetStackOutput'].StackName).toBe('shop-prod-standby-foundation')
  })

  test('has no drill where it has no living instance to compare with', () => {
    expect(() => functionOf(staging.template('standby-recovery'), 'restore-drill')).toThrow()
    expect(functionOf(staging.template('standby-recovery'), 'reaper')).toBeDefined()
  })
})

test('the digest of a configuration does not depend on the order of its keys, and on everything else', () => {
  const config = loadEnvironment('prod')
  const reversed = Object.fromEntries(Object.entries(config).reverse()) as typeof config
  expect(configDigest(reversed)).toBe(configDigest(config))
  expect(configDigest({ ...config, owner: 'somebody' })).not.toBe(configDigest(config))
  expect(functionOf(home, 'restore-drill').Environment.Variables.HOLDFAST_CONFIG_DIGEST).toBe(
    configDigest(config),
  )
})
