import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { readAssembly, type Template } from '../../../twin/deploy/assembly.ts'
import { Deployer, type StackRecord } from '../../../twin/deploy/deployer.ts'
import { functionProvisioners } from '../../../twin/deploy/provision/functions.ts'
import { identityProvisioners } from '../../../twin/deploy/provision/identity.ts'
import type { Stored } from '../../../twin/deploy/provisioner.ts'
import { recordedProvisioners } from '../../../twin/deploy/recorded.ts'
import { createRoles } from '../../../twin/iam/roles.ts'
import { openCollection } from '../../../twin/state/collection.ts'
import { temporaryFolder } from '../lambda/fixture.ts'
import { startLambda } from '../lambda/twin.ts'

let folder: ReturnType<typeof temporaryFolder>
let twin: Awaited<ReturnType<typeof startLambda>>
let said: string[]

beforeEach(async () => {
  folder = temporaryFolder()
  twin = await startLambda(folder.path)
  said = []
})

afterEach(async () => {
  await twin.stop()
  folder.remove()
})

type Stacks = Record<string, { region?: string; template: Partial<Template>; dependencies?: string[] }>

function assembly(stacks: Stacks, code = `export const handler = async () => 'one'`) {
  const directory = join(folder.path, 'cdk.out')
  mkdirSync(join(directory, 'asset.code'), { recursive: true })
  writeFileSync(join(directory, 'asset.code/index.mjs'), code)
  const artifacts: Record<string, unknown> = {
    assets: { type: 'cdk:asset-manifest', properties: { file: 'assets.json' } },
  }
  writeFileSync(
    join(directory, 'assets.json'),
    JSON.stringify({
      files: { code: { source: { path: 'asset.code' }, destinations: { a: { objectKey: 'code.zip' } } } },
    }),
  )
  for (const [name, { region = 'us-east-1', template, dependencies }] of Object.entries(stacks)) {
    writeFileSync(join(directory, `${name}.json`), JSON.stringify({ Resources: {}, ...template }))
    artifacts[name] = {
      type: 'aws:cloudformation:stack',
      environment: `aws://111111111111/${region}`,
      dependencies,
      properties: { templateFile: `${name}.json`, tags: { team: 'one' } },
    }
  }
  writeFileSync(join(directory, 'manifest.json'), JSON.stringify({ artifacts }))
  return readAssembly(directory)
}

function deployer() {
  const open = <T>(name: string) => openCollection<T>(join(folder.path, `${name}.json`))
  const roles = createRoles(open('roles'), open('managed'))
  const resources = open<Stored>('resources')
  const stacks = open<StackRecord>('stacks')
  return {
    roles,
    resources,
    stacks,
    deployer: new Deployer({
      provisioners: {
        ...recordedProvisioners(),
        ...identityProvisioners(roles),
        ...functionProvisioners(twin.lambda),
      },
      resources,
      stacks,
      dynamic: async (_region, service, reference) => `<${service} ${reference}>`,
      say: text => said.push(text),
      clock: () => 0,
    }),
  }
}

const FUNCTION: Template['Resources'] = {
  Role: {
    Type: 'AWS::IAM::Role',
    Properties: { AssumeRolePolicyDocument: { Version: '2012-10-17', Statement: [] } },
  },
  Code: {
    Type: 'AWS::Lambda::Function',
    Properties: {
      Code: { S3Bucket: 'assets', S3Key: 'code.zip' },
      Handler: 'index.handler',
      Runtime: 'nodejs24.x',
      Role: { 'Fn::GetAtt': ['Role', 'Arn'] },
      Environment: { Variables: { WHERE: { 'Fn::Sub': '${AWS::Region} of ${Role.Arn}' } } },
    },
  },
  Version: { Type: 'AWS::Lambda::Version', Properties: { FunctionName: { Ref: 'Code' } } },
  Live: {
    Type: 'AWS::Lambda::Alias',
    Properties: {
      FunctionName: { Ref: 'Code' },
      FunctionVersion: { 'Fn::GetAtt': ['Version', 'Version'] },
      Name: 'live',
    },
  },
}

test('creates resources of all stacks in the order of need and answers outputs across regions', async () => {
  const { deployer: it, stacks, resources } = deployer()
  const counts = await it.deploy(
    assembly({
      second: {
        region: 'us-west-2',
        template: {
          Resources: {
            Group: {
              Type: 'AWS::EC2::SecurityGroup',
              Properties: {
                GroupDescription: {
                  'Fn::GetStackOutput': { StackName: 'first', Region: 'us-east-1', OutputName: 'LiveArn' },
                },
              },
            },
          },
        },
      },
      first: {
        template: {
          Resources: FUNCTION,
          Outputs: { LiveArn: { Value: { Ref: 'Live' } } },
          Conditions: { Never: { 'Fn::Equals': [{ Ref: 'AWS::Region' }, 'mars-1'] } },
        },
      },
    }),
  )
  const arn = 'arn:aws:lambda:us-east-1:111111111111:function:first-Code-'
  expect(stacks.get('us-east-1/first')?.outputs.LiveArn).toMatch(new RegExp(`^${arn}[0-9a-f]{12}:live$`))
  expect(resources.get('us-west-2/second/Group')?.properties.GroupDescription).toMatch(/:live$/)
  expect(counts.map(({ type, kind, count, created }) => [type, kind, count, created])).toEqual([
    ['AWS::IAM::Role', 'real', 1, 1],
    ['AWS::Lambda::Alias', 'real', 1, 1],
    ['AWS::Lambda::Function', 'real', 1, 1],
    ['AWS::Lambda::Version', 'real', 1, 1],
    ['AWS::EC2::SecurityGroup', 'recorded', 1, 1],
  ])
  const target = twin.lambda.functions.resolve(
    'us-east-1',
    '111111111111',
    String(stacks.get('us-east-1/first')?.outputs.LiveArn),
  )
  expect(target.version.environment.WHERE).toMatch(
    /^us-east-1 of arn:aws:iam::111111111111:role\/first-Role-/,
  )
  expect((await twin.lambda.invoke(target, '{}')).payload).toBe('"one"')
  expect(target.record.tags).toEqual({ team: 'one' })
})

test('deploys the same again without touching anything, and a change in place', async () => {
  const stacks: Stacks = {
    app: { template: { Resources: FUNCTION, Outputs: { Arn: { Value: { Ref: 'Live' } } } } },
  }
  const { deployer: it, stacks: records } = deployer()
  await it.deploy(assembly(stacks))
  const again = await it.deploy(assembly(stacks))
  expect(again.map(({ created, changed, removed }) => created + changed + removed)).toEqual([0, 0, 0, 0])
  const changed = structuredClone(FUNCTION) as Record<
    string,
    { Type: string; Properties: Record<string, unknown> }
  >
  changed.Code!.Properties.Timeout = 30
  // CDK names a version after what it holds: a new one appears and the old one stays.
  changed.Version2 = { Type: 'AWS::Lambda::Version', Properties: { FunctionName: { Ref: 'Code' } } }
  changed.Live!.Properties.FunctionVersion = { 'Fn::GetAtt': ['Version2', 'Version'] }
  const counts = await it.deploy(
    assembly({ app: { template: { Resources: changed, Outputs: { Arn: { Value: { Ref: 'Live' } } } } } }),
  )
  expect(Object.fromEntries(counts.map(count => [count.type, [count.created, count.changed]]))).toEqual({
    'AWS::IAM::Role': [0, 0],
    'AWS::Lambda::Function': [0, 1],
    'AWS::Lambda::Version': [1, 0],
    'AWS::Lambda::Alias': [0, 1],
  })
  const target = twin.lambda.functions.resolve(
    'us-east-1',
    '111111111111',
    String(records.get('us-east-1/app')?.outputs.Arn),
  )
  expect([target.version.version, target.version.timeout]).toEqual(['2', 30])
})

test('refuses to make an ordinary function durable in place: AWS would replace it', async () => {
  const { deployer: it } = deployer()
  await it.deploy(assembly({ app: { template: { Resources: FUNCTION } } }))
  const durable = structuredClone(FUNCTION) as Record<
    string,
    { Type: string; Properties: Record<string, unknown> }
  >
  durable.Code!.Properties.DurableConfig = { ExecutionTimeout: 60 }
  await expect(it.deploy(assembly({ app: { template: { Resources: durable } } }))).rejects.toThrow(
    /cannot deploy Code \(AWS::Lambda::Function\) of app: .*DurableConfig changes .*replace it/,
  )
})

test('stops at a type that it does not know, by its name and before anything happens', async () => {
  const { deployer: it, resources } = deployer()
  await expect(
    it.deploy(
      assembly({ app: { template: { Resources: { ...FUNCTION, Queue: { Type: 'AWS::SQS::Queue' } } } } }),
    ),
  ).rejects.toThrow('the twin does not know the resource type AWS::SQS::Queue (Queue of app)')
  expect(resources.keys()).toEqual([])
})

test('names the resource that failed, an attribute it does not know, a reference that leads nowhere, a cycle', async () => {
  const { deployer: it } = deployer()
  const with_ = (Resources: Template['Resources']) =>
    it.deploy(assembly({ app: { template: { Resources } } }))
  await expect(
    with_({
      A: { Type: 'AWS::EC2::VPC' },
      B: { Type: 'AWS::EC2::Subnet', Properties: { X: { 'Fn::GetAtt': ['A', 'Nonsense'] } } },
    }),
  ).rejects.toThrow(
    'cannot deploy B (AWS::EC2::Subnet) of app: the twin does not know the attribute Nonsense of AWS::EC2::VPC (A of app)',
  )
  await expect(with_({ A: { Type: 'AWS::EC2::VPC', Properties: { X: { Ref: 'Gone' } } } })).rejects.toThrow(
    'stack app refers to Gone, which it does not have',
  )
  await expect(
    with_({
      A: { Type: 'AWS::EC2::VPC', Properties: { X: { Ref: 'B' } } },
      B: { Type: 'AWS::EC2::VPC', DependsOn: ['A'] },
    }),
  ).rejects.toThrow('the assembly has a cycle: us-east-1/app/A → us-east-1/app/B → us-east-1/app/A')
})

test('resolves every intrinsic as CloudFormation does', async () => {
  const { deployer: it, stacks } = deployer()
  await it.deploy(
    assembly({
      app: {
        template: {
          Parameters: {
            Plain: { Type: 'String', Default: 'plain' },
            Stored: { Type: 'AWS::SSM::Parameter::Value<String>', Default: '/a/b' },
          },
          Conditions: {
            Yes: { 'Fn::Not': [{ 'Fn::Equals': ['a', 'b'] }] },
            No: { 'Fn::And': [{ Condition: 'Yes' }, { 'Fn::Equals': ['a', 'b'] }] },
          },
          Mappings: { Sizes: { small: { gb: '20' } } },
          Resources: {
            V: { Type: 'AWS::EC2::VPC', Properties: { CidrBlock: '10.0.0.0/16' } },
            Left: { Type: 'AWS::EC2::VPC', Condition: 'No' },
          },
          Outputs: {
            join: { Value: { 'Fn::Join': ['-', ['a', { Ref: 'Plain' }, { Ref: 'AWS::Region' }]] } },
            sub: {
              Value: { 'Fn::Sub': ['${V.CidrBlock} ${x} ${!y} ${AWS::AccountId}', { x: { Ref: 'Plain' } }] },
            },
            select: { Value: { 'Fn::Select': ['1', { 'Fn::Split': [',', 'a,b,c'] }] } },
            map: { Value: { 'Fn::FindInMap': ['Sizes', 'small', 'gb'] } },
            if: { Value: { 'Fn::If': ['Yes', 'yes', 'no'] } },
            none: {
              Value: [{ Ref: 'AWS::NoValue' }, { 'Fn::If': ['No', 1, { Ref: 'AWS::NoValue' }] }, 'kept'],
            },
            base64: { Value: { 'Fn::Base64': 'hello' } },
            cidr: { Value: { 'Fn::Cidr': ['10.0.0.0/16', 2, 8] } },
            zones: { Value: { 'Fn::GetAZs': '' } },
            secret: { Value: '{{resolve:secretsmanager:name:SecretString:password::}}!' },
            parameter: { Value: { Ref: 'Stored' } },
            joined: {
              Value: {
                'Fn::Join': [
                  '',
                  ['{{resolve:secretsmanager:', { Ref: 'Plain' }, ':SecretString:password::}}'],
                ],
              },
            },
            left: { Value: 'x', Condition: 'No' },
          },
        },
      },
    }),
  )
  expect(stacks.get('us-east-1/app')?.outputs).toEqual({
    join: 'a-plain-us-east-1',
    sub: '10.0.0.0/16 plain ${y} 111111111111',
    select: 'b',
    map: '20',
    if: 'yes',
    none: ['kept'],
    base64: 'aGVsbG8=',
    cidr: ['10.0.0.0/24', '10.0.1.0/24'],
    zones: ['us-east-1a', 'us-east-1b', 'us-east-1c'],
    secret: '<secretsmanager name:SecretString:password::>!',
    parameter: '<ssm /a/b>',
    joined: '<secretsmanager plain:SecretString:password::>',
  })
})

test('removes what the assembly no longer has, unless it is to be retained', async () => {
  const { deployer: it, resources, roles } = deployer()
  const keptRole = { ...FUNCTION.Role, Type: 'AWS::IAM::Role', DeletionPolicy: 'Retain' }
  await it.deploy(
    assembly({ app: { template: { Resources: { ...FUNCTION, Kept: keptRole, Lost: FUNCTION.Role! } } } }),
  )
  expect(roles.records.keys()).toHaveLength(3)
  await it.deploy(assembly({ app: { template: { Resources: FUNCTION } } }))
  expect(resources.keys().sort()).toEqual(
    ['Code', 'Live', 'Role', 'Version'].map(id => `us-east-1/app/${id}`),
  )
  expect(
    roles.records
      .values()
      .map(role => role.name.split('-')[1])
      .sort(),
  ).toEqual(['Kept', 'Role'])
})
