import { CloudFormationClient, GetTemplateCommand, paginateListStacks } from '@aws-sdk/client-cloudformation'
import { Refusal, sentence } from '../../lambdas/runtime/failure.ts'
import type { Assembly, Template } from './assembly.ts'

/**
 * The templates that are deployed under the names of an assembly's stacks, each asked for in its own region.
 * A stack that was never deployed is not in the answer. Throws a Refusal when a region is unknown or does not answer.
 */
export async function readDeployed(assembly: Assembly): Promise<Assembly> {
  const templates = new Map<string, Template>()
  for (const [region, stacks] of byRegion(assembly)) {
    const client = new CloudFormationClient({ region })
    try {
      const living = await livingStacks(client)
      for (const stack of stacks) if (living.has(stack)) templates.set(stack, await templateOf(client, stack))
    } catch (error) {
      // Silence must never look like "nothing is deployed".
      if (error instanceof Refusal) throw error
      throw new Refusal(
        'NoAnswer',
        `CloudFormation in ${region} did not say what is deployed: ${sentence(error)}`,
        'sign in to the account, or compare offline with --against DIR',
        { cause: error },
      )
    } finally {
      client.destroy()
    }
  }
  return { templates, regions: assembly.regions }
}

function byRegion({ templates, regions }: Assembly): Map<string, string[]> {
  const grouped = new Map<string, string[]>()
  for (const stack of templates.keys()) {
    const region = regions.get(stack)
    if (!region)
      throw new Refusal(
        'UnknownRegion',
        `nobody knows in which region ${stack} is deployed`,
        'compare with a whole cdk.out: its manifest says so',
      )
    grouped.set(region, [...(grouped.get(region) ?? []), stack])
  }
  return grouped
}

/** Listing tells a stack that was never deployed from a call that failed; GetTemplate answers both alike. */
async function livingStacks(client: CloudFormationClient): Promise<Set<string>> {
  const names = new Set<string>()
  for await (const page of paginateListStacks({ client }, {}))
    for (const { StackName, StackStatus } of page.StackSummaries ?? [])
      if (StackName && StackStatus !== 'DELETE_COMPLETE' && StackStatus !== 'REVIEW_IN_PROGRESS')
        names.add(StackName)
  return names
}

async function templateOf(client: CloudFormationClient, stack: string): Promise<Template> {
  const { TemplateBody = '' } = await client.send(
    new GetTemplateCommand({ StackName: stack, TemplateStage: 'Original' }),
  )
  try {
    return JSON.parse(TemplateBody) as Template
  } catch (cause) {
    throw new Refusal(
      'ForeignTemplate',
      `the deployed template of ${stack} is not JSON, so CDK did not write it`,
      'compare with a saved assembly: --against DIR',
      { cause },
    )
  }
}
