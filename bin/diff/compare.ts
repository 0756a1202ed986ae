import { loadAwsServiceSpecSync } from '@aws-cdk/aws-service-spec'
import { fullDiff, ResourceImpact } from '@aws-cdk/cloudformation-diff'
import {
  type PropertyChange,
  physicalName,
  type Resource,
  type ResourceChange,
} from '../../config/change/danger.ts'
import type { Assembly, Template } from './assembly.ts'

/** Not stateful in the specification, but an identity that others hang on: names, addresses, the networks of the data. */
const IDENTITIES = [
  'AWS::Route53::HostedZone',
  'AWS::EC2::VPC',
  'AWS::EC2::Subnet',
  'AWS::RDS::DBSubnetGroup',
]

/**
 * Every resource that differs between two assemblies, with what CloudFormation's own specification says each
 * property's change does, replacements that spread through references included. A stack that only one side has
 * counts as empty on the other.
 */
export function compareAssemblies(before: Assembly, after: Assembly): ResourceChange[] {
  const stacks = new Set([...before.templates.keys(), ...after.templates.keys()])
  const replicas = replicasBySource(before)
  return [...stacks].flatMap(stack =>
    compareTemplates(stack, before.templates.get(stack) ?? {}, after.templates.get(stack) ?? {}, replicas),
  )
}

type Replicas = ReadonlyMap<string | undefined, readonly string[]>

/** Identifiers of replicas by the identifier of their source, which another region writes as an ARN. */
function replicasBySource(assembly: Assembly): Replicas {
  const found = new Map<string, string[]>()
  for (const template of assembly.templates.values())
    for (const resource of Object.values(template.Resources ?? {}) as Resource[]) {
      const { SourceDBInstanceIdentifier: from, DBInstanceIdentifier: name } = resource.Properties ?? {}
      if (typeof from !== 'string' || typeof name !== 'string') continue
      const source = from.split(':').at(-1) ?? from
      found.set(source, [...(found.get(source) ?? []), name])
    }
  return found
}

/** Every resource that differs between two templates of one stack. */
export function compareTemplates(
  stack: string,
  before: Template,
  after: Template,
  replicas: Replicas = new Map(),
): ResourceChange[] {
  const changes: ResourceChange[] = []
  fullDiff(plain(before), plain(after)).resources.forEachDifference((logicalId, difference) => {
    const type = difference.oldResourceType ?? difference.newResourceType ?? 'unknown'
    changes.push({
      stack,
      logicalId,
      type,
      stateful: isStateful(type),
      replicas: replicas.get(physicalName(difference.oldValue as Resource | undefined)) ?? [],
      ...(difference.oldValue && { before: difference.oldValue as Resource }),
      ...(difference.newValue && { after: difference.newValue as Resource }),
      properties: Object.entries(difference.propertyUpdates).map(
        ([name, property]): PropertyChange => ({
          name,
          before: property.oldValue,
          after: property.newValue,
          impact: impactOf(property.changeImpact),
        }),
      ),
    })
  })
  return changes
}

/** Without Metadata: construct paths and asset hints come and go with the way of synthesizing, and CloudFormation ignores them. */
function plain(template: Template): Template {
  const resources = Object.entries(template.Resources ?? {}).map(([id, resource]) => {
    const { Metadata: _, ...rest } = resource as { Metadata?: unknown }
    return [id, rest] as const
  })
  return { ...template, Resources: Object.fromEntries(resources) }
}

function impactOf(impact: ResourceImpact | undefined): PropertyChange['impact'] {
  if (impact === ResourceImpact.WILL_REPLACE) return 'replace'
  return impact === ResourceImpact.MAY_REPLACE ? 'may-replace' : 'update'
}

let specification: ReturnType<typeof loadAwsServiceSpecSync> | undefined

/** Whether the specification calls a type stateful. A type that it does not know is taken to be: nothing proves otherwise. */
export function isStateful(type: string): boolean {
  if (IDENTITIES.includes(type)) return true
  // Code behind a name; what it makes, it makes elsewhere.
  if (type.startsWith('Custom::') || type.startsWith('AWS::CDK::')) return false
  // Unpacking takes half a second: once a run, and only when something differs.
  specification ??= loadAwsServiceSpecSync()
  const [found] = specification.lookup('resource', 'cloudFormationType', 'equals', type)
  return found === undefined ? true : found.isStateful === true
}
