import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from '@jest/globals'
import { type Assembly, assembly, ENVIRONMENTS, type Resource } from '../support/assembly.ts'

// What CloudFormation cannot see by itself, and AWS refuses or forgets when it comes in the wrong order.
describe.each(ENVIRONMENTS)('the first deployment of %s', environment => {
  test('makes the instances before RDS is asked to tell of them, and lets it speak first', async () => {
    const one = await assembly(environment)
    const before = await dependencies(one, environment)
    for (const stack of one.stacks)
      for (const { Properties, DependsOn } of resources(one, stack, 'AWS::RDS::EventSubscription')) {
        expect(DependsOn).toContain(policyOf(one, stack, Properties.SnsTopicArn.Ref))
        for (const identifier of Properties.SourceIds)
          expect(before(stack)).toContain(homeOf(one, identifier))
      }
  })

  test('makes every alarm before an alarm that asks it', async () => {
    const one = await assembly(environment)
    for (const stack of one.stacks) {
      const alarms = Object.entries(one.resources(stack, 'AWS::CloudWatch::Alarm'))
      const named = new Map(alarms.map(([id, alarm]) => [alarm.Properties.AlarmName, id]))
      for (const composite of resources(one, stack, 'AWS::CloudWatch::CompositeAlarm')) {
        const asked = [...composite.Properties.AlarmRule.matchAll(/ALARM\("([^"]+)"\)/g)].map(
          match => match[1],
        )
        expect(asked.length).toBeGreaterThan(0)
        for (const name of asked) expect(composite.DependsOn).toContain(named.get(name))
      }
    }
  })

  test('opens the way to the database before the pool is asked for its target', async () => {
    const one = await assembly(environment)
    const ways = ['AWS::IAM::Policy', 'AWS::EC2::SecurityGroupEgress'].flatMap(type =>
      Object.keys(one.resources('database', type)).filter(id => id.startsWith('Pool')),
    )
    for (const targets of resources(one, 'database', 'AWS::RDS::DBProxyTargetGroup')) {
      expect(ways).toHaveLength(2)
      expect(targets.DependsOn).toEqual(expect.arrayContaining(ways))
    }
  })

  test('takes back what it made under a fixed name when it fails, but for the instances, which are protected', async () => {
    const one = await assembly(environment)
    const kept = one.stacks.flatMap(stack =>
      Object.values(one.template(stack).Resources)
        .filter(resource => resource.DeletionPolicy === 'Retain')
        .map(resource => resource.Type),
    )
    expect([...new Set(kept)].sort()).toEqual(['AWS::Lambda::Version', 'AWS::RDS::DBInstance'])
  })
})

const resources = (one: Assembly, stack: string, type: string): Resource[] =>
  Object.values(one.resources(stack, type))

const policyOf = (one: Assembly, stack: string, topic: string) =>
  Object.entries(one.resources(stack, 'AWS::SNS::TopicPolicy')).find(
    ([, policy]) => policy.Properties.Topics[0].Ref === topic,
  )?.[0]

const homeOf = (one: Assembly, identifier: string) =>
  one.stacks.find(stack =>
    resources(one, stack, 'AWS::RDS::DBInstance').some(
      instance => instance.Properties.DBInstanceIdentifier === identifier,
    ),
  )

/** The stacks that must be there before another, however far back. */
async function dependencies(one: Assembly, environment: string): Promise<(stack: string) => string[]> {
  const manifest = JSON.parse(await readFile(join(one.directory, 'manifest.json'), 'utf8'))
  const prefix = `shop-${environment}-`
  const of = (stack: string): string[] => {
    const direct: string[] = (manifest.artifacts[prefix + stack].dependencies ?? [])
      .filter((id: string) => !id.endsWith('.assets'))
      .map((id: string) => id.slice(prefix.length))
    return [...new Set([...direct, ...direct.flatMap(of)])]
  }
  return of
}
