import { CloudFormationClient, DescribeStacksCommand } from '@aws-sdk/client-cloudformation'
import { LambdaClient } from '@aws-sdk/client-lambda'
import { S3Client } from '@aws-sdk/client-s3'
import { deployedEnvironment } from '../../config/environments.ts'
import type { EnvironmentConfig } from '../../config/schema.ts'
import { Refusal } from '../../lambdas/runtime/failure.ts'
import type { Where } from '../options.ts'
import { chooseTarget, type LiveTwin } from '../target.ts'
import { complain } from '../terminal.ts'

/** The environment's home region, or the other one. */
export type Place = 'home' | 'standby'

/** A deployed environment, on a twin or on AWS: the same questions and the same clients. */
export type Deployment = AsyncDisposable & {
  readonly config: EnvironmentConfig
  /** The twin, where there is one. */
  readonly twin: LiveTwin | undefined
  region(place: Place): string
  lambda(place: Place): LambdaClient
  s3(place: Place): S3Client
  /** An output of the recovery stack of that region. @throws Refusal `NotDeployed` */
  output(place: Place, name: string): Promise<string>
}

/**
 * Opens the environment that is meant: the one named, or the one whose twin runs. Real AWS takes credentials and
 * profile from where every AWS tool does. Faults of its file are warned of: a recovery waits for no budget. @throws Refusal `WhichEnvironment`
 */
export async function openDeployment(options: Where): Promise<Deployment> {
  const target = chooseTarget(options)
  const twin = target.kind === 'twin' ? target.twin : undefined
  const environment = options.env ?? twin?.environment
  if (environment === undefined)
    throw new Refusal(
      'WhichEnvironment',
      'no twin is running and no environment was named',
      'holdfast up, or --env <name> for an environment on AWS',
    )
  const { config, faults } = deployedEnvironment(environment)
  if (faults.length > 0)
    complain(
      `warning: the file of ${environment} has ${faults.length === 1 ? 'a fault' : `${faults.length} faults`}; what is deployed is used as it is\nHINT: holdfast check --env ${environment}`,
    )
  const clients: { destroy(): void }[] = []
  const keep = <C extends { destroy(): void }>(client: C): C => {
    clients.push(client)
    return client
  }
  const region = (place: Place) => (place === 'home' ? config.region : config.standbyRegion)
  return {
    config,
    twin,
    region,
    lambda: place => keep(new LambdaClient({ region: region(place) })),
    s3: place => keep(new S3Client({ region: region(place), ...(twin ? { forcePathStyle: true } : {}) })),
    output: (place, name) => readOutput(config, place, region(place), name, twin),
    async [Symbol.asyncDispose]() {
      for (const client of clients) client.destroy()
    },
  }
}

async function readOutput(
  config: EnvironmentConfig,
  place: Place,
  region: string,
  name: string,
  twin: LiveTwin | undefined,
): Promise<string> {
  const stack = `${config.name}-${place === 'home' ? 'recovery' : 'standby-recovery'}`
  const value = (await outputsOf(region, stack))[name]
  if (value !== undefined) return value
  throw new Refusal(
    'NotDeployed',
    `the stack ${stack} in ${region} has no output ${name}`,
    twin ? `holdfast up --env ${twin.environment}` : `cdk deploy ${stack}`,
  )
}

type Outputs = Readonly<Record<string, string | undefined>>

async function outputsOf(region: string, stack: string): Promise<Outputs> {
  const client = new CloudFormationClient({ region })
  try {
    const { Stacks } = await client.send(new DescribeStacksCommand({ StackName: stack }))
    return Object.fromEntries(
      (Stacks?.[0]?.Outputs ?? []).map(({ OutputKey, OutputValue }) => [OutputKey ?? '', OutputValue]),
    )
  } finally {
    client.destroy()
  }
}
