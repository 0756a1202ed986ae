import * as schemas from '@aws-sdk/client-cloudformation'
import { type Call, type Operation, type Service, WireError } from '../../wire/call.ts'
import { resourceTagContext } from '../dependencies.ts'

/** A stack as it stands, for reading. */
export type DeployedStack = {
  readonly name: string
  readonly region: string
  readonly outputs: Readonly<Record<string, unknown>>
  /** Export names by output key. */
  readonly exports: Readonly<Record<string, unknown>>
  readonly tags: Readonly<Record<string, string>>
  readonly createdAt: string
  readonly updatedAt: string
  readonly template: unknown
  readonly resources: readonly StackResource[]
}

export type StackResource = { readonly logicalId: string; readonly physicalId: string; readonly type: string }

export type CloudFormationDependencies = {
  readonly account: string
  /** The stacks of a region as deployed now. */
  readonly stacks: (region: string) => readonly DeployedStack[]
}

/** The twin's CloudFormation: it tells what was deployed. Deploying is the twin's own, not this API's. */
export function createCloudFormation(dependencies: CloudFormationDependencies): Service {
  return { name: 'cloudformation', schemas, protocol: 'query', operations: operationsOf(dependencies) }
}

const stackId = (account: string, stack: DeployedStack) =>
  `arn:aws:cloudformation:${stack.region}:${account}:stack/${stack.name}/twin`

function describe(account: string, stack: DeployedStack) {
  const exported = new Map(
    Object.entries(stack.exports).map(([name, value]) => [JSON.stringify(value), name]),
  )
  return {
    StackId: stackId(account, stack),
    StackName: stack.name,
    CreationTime: new Date(stack.createdAt),
    LastUpdatedTime: new Date(stack.updatedAt),
    StackStatus: stack.createdAt === stack.updatedAt ? 'CREATE_COMPLETE' : 'UPDATE_COMPLETE',
    Outputs: Object.entries(stack.outputs).map(([OutputKey, value]) => ({
      OutputKey,
      OutputValue: String(value),
      ...(exported.has(JSON.stringify(value)) && { ExportName: exported.get(JSON.stringify(value)) }),
    })),
    Tags: Object.entries(stack.tags).map(([Key, Value]) => ({ Key, Value })),
  }
}

function operationsOf({ account, stacks }: CloudFormationDependencies): Record<string, Operation> {
  const find = (name: string, call: Call): DeployedStack | undefined =>
    stacks(call.region).find(stack => stack.name === name || stackId(account, stack) === name)
  const requireStack = (name: string | undefined, call: Call): DeployedStack => {
    const found = find(name ?? '', call)
    if (!found) throw new WireError('ValidationError', `Stack with id ${name} does not exist`)
    return found
  }
  const ask = (action: string) => (input: { StackName?: string }, call: Call) => {
    const stack = find(input.StackName ?? '', call)
    const resource = `arn:aws:cloudformation:${call.region}:${account}:stack/${stack?.name ?? input.StackName ?? '*'}/*`
    return [{ action, resource, context: resourceTagContext(stack?.tags) }]
  }
  const resources = (stack: DeployedStack) =>
    stack.resources.map(({ logicalId, physicalId, type }) => ({
      LogicalResourceId: logicalId,
      PhysicalResourceId: physicalId,
      ResourceType: type,
      ResourceStatus: 'CREATE_COMPLETE',
    }))
  return {
    DescribeStacks: {
      questions: ask('cloudformation:DescribeStacks'),
      run: (input: { StackName?: string }, call) => ({
        Stacks: (input.StackName ? [requireStack(input.StackName, call)] : stacks(call.region)).map(stack =>
          describe(account, stack),
        ),
      }),
    },
    ListStacks: {
      questions: ask('cloudformation:ListStacks'),
      run: (input: { StackStatusFilter?: string[] }, call) => ({
        StackSummaries: stacks(call.region)
          .map(stack => {
            const { Outputs: _, Tags: __, ...summary } = describe(account, stack)
            return summary
          })
          .filter(
            ({ StackStatus }) => !input.StackStatusFilter || input.StackStatusFilter.includes(StackStatus),
          ),
      }),
    },
    GetTemplate: {
      questions: ask('cloudformation:GetTemplate'),
      run: (input: { StackName?: string }, call) => ({
        TemplateBody: JSON.stringify(requireStack(input.StackName, call).template, null, 1),
        StagesAvailable: ['Original', 'Processed'],
      }),
    },
    DescribeStackResources: {
      questions: ask('cloudformation:DescribeStackResources'),
      run: (input: { StackName?: string; LogicalResourceId?: string }, call) => {
        const stack = requireStack(input.StackName, call)
        return {
          StackResources: resources(stack)
            .filter(
              ({ LogicalResourceId }) =>
                !input.LogicalResourceId || LogicalResourceId === input.LogicalResourceId,
            )
            .map(resource => ({
              ...resource,
              StackName: stack.name,
              StackId: stackId(account, stack),
              Timestamp: new Date(stack.updatedAt),
            })),
        }
      },
    },
    ListStackResources: {
      questions: ask('cloudformation:ListStackResources'),
      run: (input: { StackName?: string }, call) => {
        const stack = requireStack(input.StackName, call)
        return {
          StackResourceSummaries: resources(stack).map(resource => ({
            ...resource,
            LastUpdatedTimestamp: new Date(stack.updatedAt),
          })),
        }
      },
    },
    ListExports: {
      questions: ask('cloudformation:ListExports'),
      run: (_: unknown, call) => ({
        Exports: stacks(call.region).flatMap(stack =>
          Object.entries(stack.exports).map(([Name, Value]) => ({
            ExportingStackId: stackId(account, stack),
            Name,
            Value: String(Value),
          })),
        ),
      }),
    },
  }
}
