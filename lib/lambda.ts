import { Duration, RemovalPolicy, Stack } from 'aws-cdk-lib'
import * as iam from 'aws-cdk-lib/aws-iam'
import type * as kms from 'aws-cdk-lib/aws-kms'
import * as lambda from 'aws-cdk-lib/aws-lambda'
import { Construct } from 'constructs'
import { partitionOf } from '../config/regions.ts'
import type { EnvironmentConfig } from '../config/schema.ts'
import type { Bundle } from './bundles.ts'
import { createLogGroup } from './logs.ts'
import type { Network } from './network.ts'
import { allow } from './permissions.ts'

export type VerbProps = {
  readonly config: EnvironmentConfig
  readonly bundle: Bundle
  readonly key: kms.IKey
  readonly description: string
  readonly environment: Readonly<Record<string, string>>
  /** MiB; CPU comes in proportion, a full one at 1,769. */
  readonly memory: number
  /** Seconds; 900 at most. */
  readonly timeout: number
  /** Everything that the function may do besides writing its log. */
  readonly may: readonly iam.PolicyStatement[]
  /** Given when the function talks to a database; without it, it runs outside the VPC. */
  readonly network?: Network
  /** Given when one execution outlives an invocation. */
  readonly durable?: lambda.DurableConfig
}

/**
 * `lambdas/<verb>/` as a function with the alias `live`. Runtime, architecture, log group and role are the same for
 * all of them and are no option. There is no function name: a durable function cannot be renamed or replaced in place.
 */
export class VerbFunction extends Construct {
  readonly function: lambda.Function
  readonly alias: lambda.Alias

  constructor(scope: Construct, id: string, props: VerbProps) {
    super(scope, id)
    const { config, key, network } = props
    const logGroup = createLogGroup(this, 'Logs', { config, key })
    const role = new iam.Role(this, 'Role', {
      assumedBy: new iam.ServicePrincipal('lambda.amazonaws.com'),
      description: `${config.name}: ${props.description}`,
    })
    for (const statement of this.#baseline(props, logGroup.logGroupArn)) role.addToPolicy(statement)
    for (const statement of props.may) role.addToPolicy(statement)
    this.function = new lambda.Function(this, 'Function', {
      description: `${config.name}: ${props.description}`,
      runtime: lambda.Runtime.NODEJS_24_X,
      architecture: lambda.Architecture.ARM_64,
      handler: 'index.handler',
      code: lambda.Code.fromAsset(props.bundle.path, { assetHash: props.bundle.hash }),
      memorySize: props.memory,
      timeout: Duration.seconds(props.timeout),
      environment: { ...props.environment, ...(network ? AUTHORITIES : {}) },
      environmentEncryption: key,
      // Text, since the JSON format would wrap the lines that CloudWatch turns into metrics.
      loggingFormat: lambda.LoggingFormat.TEXT,
      logGroup,
      role,
      durableConfig: props.durable,
      // An execution that is under way replays the version that it began with.
      currentVersionOptions: { removalPolicy: RemovalPolicy.RETAIN },
      ...(network
        ? {
            vpc: network.vpc,
            vpcSubnets: { subnetGroupName: 'data' },
            securityGroups: [network.functions],
          }
        : {}),
    })
    this.alias = new lambda.Alias(this, 'Live', { aliasName: 'live', version: this.function.currentVersion })
  }

  #baseline({ config, network, durable, key }: VerbProps, logGroupArn: string): iam.PolicyStatement[] {
    const statements = [
      allow(['logs:CreateLogStream', 'logs:PutLogEvents'], [logGroupArn]),
      allow(['kms:Decrypt'], [key.keyArn]),
    ]
    if (network) statements.push(allow(NETWORK_INTERFACES, ['*']), ONLY_LAMBDA)
    if (durable) statements.push(allow(DURABLE, [ownFunctions(config, Stack.of(this).region)]))
    return statements
  }
}

// Since Node 20 the runtime ships the authorities of RDS and no longer loads them by itself.
const AUTHORITIES = { NODE_EXTRA_CA_CERTS: '/var/runtime/ca-cert.pem' }

// Lambda makes network interfaces by the function's role, and EC2 knows no resource for some of these.
const NETWORK_INTERFACES = [
  'ec2:CreateNetworkInterface',
  'ec2:DescribeNetworkInterfaces',
  'ec2:DescribeSubnets',
  'ec2:DeleteNetworkInterface',
  'ec2:AssignPrivateIpAddresses',
  'ec2:UnassignPrivateIpAddresses',
]

// Lambda itself uses them before there is a function to name; a call that names one comes from our own code.
const ONLY_LAMBDA = new iam.PolicyStatement({
  sid: 'OnlyLambdaChangesTheNetwork',
  effect: iam.Effect.DENY,
  actions: NETWORK_INTERFACES,
  resources: ['*'],
  conditions: { Null: { 'lambda:SourceFunctionArn': 'false' } },
})

const DURABLE = ['lambda:CheckpointDurableExecution', 'lambda:GetDurableExecutionState']

// The function's own ARN would be a circle: the function waits for its role. Its name begins with its stack's.
function ownFunctions(config: EnvironmentConfig, region: string): string {
  return `arn:${partitionOf(region)}:lambda:${region}:${config.account}:function:${config.name}-*`
}
