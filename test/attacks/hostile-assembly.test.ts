import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { readAssembly } from '../../twin/deploy/assembly.ts'
import { Deployer, type StackRecord } from '../../twin/deploy/deployer.ts'
import { cacheProvisioners } from '../../twin/deploy/provision/cache.ts'
import { customProvisioner } from '../../twin/deploy/provision/custom.ts'
import { functionProvisioners } from '../../twin/deploy/provision/functions.ts'
import type { Stored } from '../../twin/deploy/provisioner.ts'
import { own } from '../../twin/postgres/account.ts'
import { startCluster } from '../../twin/postgres/cluster.ts'
import { renderSettings } from '../../twin/postgres/settings.ts'
import { createCluster } from '../../twin/postgres/template.ts'
import { renderUsers } from '../../twin/services/elasticache/node.ts'
import { parameterDefinitions, settingsOf } from '../../twin/services/rds/parameters.ts'
import { openCollection } from '../../twin/state/collection.ts'
import { listenerWith } from '../support/wire.ts'
import { temporaryFolder } from '../twin/lambda/fixture.ts'
import { startLambda } from '../twin/lambda/twin.ts'

let folder: ReturnType<typeof temporaryFolder>
let twin: Awaited<ReturnType<typeof startLambda>>

beforeEach(async () => {
  folder = temporaryFolder()
  twin = await startLambda(join(folder.path, 'state'))
})
afterEach(async () => {
  await twin.stop()
  folder.remove()
})

type Hostile = {
  readonly stack?: string
  readonly logicalId?: string
  readonly templateFile?: string
  readonly source?: string
  readonly code?: string
  readonly type?: string
  readonly properties?: Record<string, unknown>
}

/** An assembly of one function, with what a hostile author changes in it; the rest of the folder is not the assembly's. */
function write(hostile: Hostile) {
  const directory = join(folder.path, 'cdk.out')
  mkdirSync(join(directory, 'asset.code'), { recursive: true })
  mkdirSync(join(folder.path, 'private'), { recursive: true })
  writeFileSync(join(folder.path, 'private', 'key'), 'not of the assembly')
  writeFileSync(
    join(directory, 'asset.code/index.mjs'),
    hostile.code ?? 'export const handler = async () => 1',
  )
  const files = {
    code: { source: { path: hostile.source ?? 'asset.code' }, destinations: { a: { objectKey: 'k' } } },
  }
  writeFileSync(join(directory, 'assets.json'), JSON.stringify({ files }))
  const properties = {
    Code: { S3Key: 'k' },
    ...{
      FunctionName: 'code',
      Handler: 'index.handler',
      Runtime: 'nodejs24.x',
      Role: 'arn:aws:iam::111122223333:role/r',
    },
    ...hostile.properties,
  }
  const Resources = {
    [hostile.logicalId ?? 'Code']: { Type: hostile.type ?? 'AWS::Lambda::Function', Properties: properties },
  }
  writeFileSync(join(directory, 'one.json'), JSON.stringify({ Resources }))
  writeFileSync(join(folder.path, 'private', 'other.json'), JSON.stringify({ Resources }))
  const artifacts = {
    assets: { type: 'cdk:asset-manifest', properties: { file: 'assets.json' } },
    one: {
      type: 'aws:cloudformation:stack',
      environment: 'aws://111122223333/eu-west-1',
      properties: { stackName: hostile.stack ?? 'one', templateFile: hostile.templateFile ?? 'one.json' },
    },
  }
  writeFileSync(join(directory, 'manifest.json'), JSON.stringify({ artifacts }))
  return directory
}

function deploy(directory: string) {
  const open = <T>(name: string) => openCollection<T>(join(folder.path, 'state', `${name}.json`))
  const puts: unknown[] = []
  return new Deployer({
    provisioners: {
      ...functionProvisioners(twin.lambda),
      ...cacheProvisioners({ put: async (group: object) => puts.push(group) && group } as never),
      'AWS::CloudFormation::CustomResource': customProvisioner(twin.lambda),
    },
    resources: open<Stored>('resources'),
    stacks: open<StackRecord>('stacks'),
    dynamic: async () => '',
    say: () => {},
    clock: () => 0,
  }).deploy(readAssembly(directory))
}

const up = '../'.repeat(12)

describe('an assembly', () => {
  test.each<[string, Hostile, RegExp]>([
    [
      'an asset above it',
      { source: '../private' },
      /\.\.\/private, which lies outside of the assembly\nHINT:/,
    ],
    ['an asset at a path of its own', { source: '/etc' }, /outside of the assembly/],
    ['a template above it', { templateFile: '../private/other.json' }, /outside of the assembly/],
    ['a stack that is a path', { stack: '../../x' }, /is not the name of a stack/],
    ['a stack with a line end', { stack: 'a\nb' }, /is not the name of a stack/],
    ['a logical id that is a path', { logicalId: '../x' }, /has the logical id "\.\.\/x"/],
    ['a logical id of JavaScript', { logicalId: '__proto__' }, /has the logical id "__proto__"/],
    ['a type of JavaScript', { type: 'constructor' }, /does not know the resource type constructor/],
    ['a function that is a path', { properties: { FunctionName: `${up}tmp/x` } }, /is not 1 to 64 letters/],
    [
      'variables that the runtime keeps for itself',
      { properties: { Environment: { Variables: { AWS_ACCESS_KEY_ID: 'x' } } } },
      /does not take the environment variable "AWS_ACCESS_KEY_ID"/,
    ],
    [
      'a variable that is two',
      { properties: { Environment: { Variables: { 'A=b\0PATH': 'x' } } } },
      /does not take the environment variable/,
    ],
    [
      'a cache that is a path',
      { type: 'AWS::ElastiCache::ReplicationGroup', properties: { ReplicationGroupId: '../../x' } },
      /is not 1 to 40 letters/,
    ],
  ])('with %s is refused, and nothing of it runs', async (_, hostile, sentence) => {
    const before = readdirSync(folder.path)
    await expect((async () => deploy(write(hostile)))()).rejects.toThrow(sentence)
    expect(twin.lambda.functions.all()).toEqual([])
    expect(
      readdirSync(folder.path)
        .filter(name => !before.includes(name))
        .sort(),
    ).toEqual(['cdk.out', 'private'])
  })

  test('whose asset links to a file of this machine does not get it', async () => {
    const directory = write({})
    symlinkSync(join(folder.path, 'private', 'key'), join(directory, 'asset.code', 'key'))
    await expect(deploy(directory)).rejects.toThrow(/asset\.code\/key leads out of its asset/)
    expect(twin.lambda.functions.all()).toEqual([])
  })

  test('whose asset is a link to a folder of this machine does not get it', async () => {
    const directory = write({ source: 'asset.linked' })
    symlinkSync(join(folder.path, 'private'), join(directory, 'asset.linked'))
    await expect((async () => deploy(directory))()).rejects.toThrow('outside of the assembly')
  })

  test('whose asset links within itself is deployed', async () => {
    const directory = write({})
    symlinkSync('index.mjs', join(directory, 'asset.code', 'same.mjs'))
    await deploy(directory)
    const [deployed] = twin.lambda.functions.all()
    expect(readdirSync(deployed?.latest.codeDirectory ?? '').sort()).toEqual(['index.mjs', 'same.mjs'])
  })

  test.each(['../../evil.handler', '/etc/evil.handler', 'a/../../../evil.handler', '..%2fevil.handler'])(
    'whose handler is %s runs nothing outside of its code',
    async Handler => {
      const mark = join(folder.path, 'ran')
      const evil = `import { writeFileSync } from 'node:fs'\nwriteFileSync(${JSON.stringify(mark)}, '')\nexport const handler = async () => 1`
      for (const place of [folder.path, join(folder.path, 'state'), join(folder.path, 'state', 'lambda')])
        writeFileSync(join(place, 'evil.mjs'), evil)
      await deploy(write({ properties: { Handler } }))
      const answer = await twin.lambda.invoke(
        twin.lambda.functions.resolve('eu-west-1', '111122223333', 'code'),
        '{}',
      )
      expect(answer.error).toBeDefined()
      expect(existsSync(mark)).toBe(false)
    },
  )

  test('whose function asks to preload code runs it in the function’s process, with the function’s key', async () => {
    const mark = join(folder.path, 'preloaded')
    const code = `import { appendFileSync } from 'node:fs'
      appendFileSync(${JSON.stringify(mark)}, process.env.AWS_LAMBDA_FUNCTION_NAME + ' ' + process.env.AWS_ENDPOINT_URL + ' ' + (process.pid === ${process.pid}) + '\\n')
      export const handler = async () => 1`
    const file = join(folder.path, 'cdk.out', 'asset.code', 'index.mjs')
    await deploy(
      write({ code, properties: { Environment: { Variables: { NODE_OPTIONS: `--import ${file}` } } } }),
    )
    await twin.lambda.invoke(twin.lambda.functions.resolve('eu-west-1', '111122223333', 'code'), '{}')
    expect(new Set(readFileSync(mark, 'utf8').trim().split('\n'))).toEqual(
      new Set([`code ${twin.endpoint} false`]),
    )
  })
})

describe('a value of a template in a configuration file', () => {
  test('is a value, and begins no line that the server would obey', async () => {
    const root = mkdtempSync(join(tmpdir(), 'holdfast-settings-'))
    own(root)
    const dir = join(root, 'cluster')
    await createCluster({ dir })
    const mark = join(root, 'archived')
    const command = `touch ${mark}`
    for (const hostile of [
      `\\'\narchive_mode = on\narchive_command = '${command}'\n#`,
      `x'\narchive_command = '${command}`,
      'x\\',
      `x\r\narchive_command = reboot #`,
    ]) {
      const cluster = await startCluster({ dir, settings: { 'app.note': hostile, log_line_prefix: hostile } })
      try {
        expect(await cluster.query('show app.note')).toEqual([{ 'app.note': hostile }])
        expect(await cluster.query('show archive_command')).toEqual([{ archive_command: '(disabled)' }])
      } finally {
        await cluster.stop('immediate')
      }
    }
    expect(existsSync(mark)).toBe(false)
    rmSync(root, { recursive: true })
  })

  test('names no setting of its own making', () => {
    expect(() => renderSettings({ "x = 1\narchive_command = 'reboot'": 1 })).toThrow(
      'is not the name of a setting',
    )
    expect(() => renderSettings({ 'cron.x y': 1 })).toThrow('is not the name of a setting')
  })

  test('loads no file as a library, and sets nothing of the host', async () => {
    const known = await parameterDefinitions(18)
    for (const name of [
      ...[
        'archive_command',
        'archive_library',
        'restore_command',
        'recovery_end_command',
        'ssl_passphrase_command',
      ],
      ...['jit_provider', 'oauth_validator_libraries', 'dynamic_library_path', 'local_preload_libraries'],
      ...['config_file', 'hba_file', 'data_directory', 'unix_socket_directories', 'log_directory'],
    ]) {
      expect({ name, isModifiable: known.get(name)?.isModifiable }).toEqual({ name, isModifiable: false })
      expect(settingsOf({ [name]: { value: '/tmp/evil', method: 'immediate' } })[name]).toBeUndefined()
    }
    const preload = (name: string) =>
      settingsOf({ [name]: { value: '/tmp/evil, auto_explain, ../evil', method: 'immediate' } })[name]
    expect(preload('shared_preload_libraries')).toBe('pg_stat_statements,auto_explain')
    expect(preload('session_preload_libraries')).toBe('auto_explain')
  })

  test('gives a cache node no directive', () => {
    const settings = { dir: '', port: 1, keeperPassword: 'x', evictionPolicy: 'noeviction' }
    expect(() => renderUsers({ ...settings, users: ['user a on\nuser b on nopass +@all'] })).toThrow(
      'cannot stand in the configuration of a cache node',
    )
  })
})

test('a region that is a path reaches no service', async () => {
  const s3 = await import('@aws-sdk/client-s3')
  const ran: string[] = []
  const listener = await listenerWith([
    {
      name: 's3',
      schemas: s3 as never,
      protocol: 'rest-xml',
      operations: { GetObject: { questions: () => [], run: () => void ran.push('ran') } },
    },
  ])
  const { getSignedUrl } = await import('../twin/services/presign.ts')
  try {
    for (const region of ['../../../tmp', 'eu-west-1/../..', 'eu-west-1\0']) {
      const client = new s3.S3Client({ ...listener.config(), region: 'eu-west-1' })
      client.config.region = async () => region
      const response = await fetch(await getSignedUrl(client, { Bucket: 'b', Key: 'k' }, 900))
      expect([400, 403]).toContain(response.status)
      client.destroy()
    }
    expect(ran).toEqual([])
  } finally {
    await listener.close()
  }
})
