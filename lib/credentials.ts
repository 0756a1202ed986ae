import { Stack } from 'aws-cdk-lib'
import * as ec2 from 'aws-cdk-lib/aws-ec2'
import type * as kms from 'aws-cdk-lib/aws-kms'
import type * as rds from 'aws-cdk-lib/aws-rds'
import * as secretsmanager from 'aws-cdk-lib/aws-secretsmanager'
import { Construct } from 'constructs'
import { partitionOf } from '../config/regions.ts'
import type { EnvironmentConfig } from '../config/schema.ts'
import type { DatabaseGroups } from './database-groups.ts'
import { KEPT } from './kept.ts'
import { keyAlias } from './names.ts'
import type { Network } from './network.ts'

// The transform that expands a hosted rotation into its function, in the version that rolls forward by itself.
const ROTATION_TRANSFORM = 'AWS::SecretsManager-2024-09-16'

export type CredentialsProps = {
  readonly config: EnvironmentConfig
  readonly key: kms.IKey
}

/** The master password: generated, never seen by a person, replaced every thirty days by the single-user rotation. */
export class Credentials extends Construct {
  readonly secret: secretsmanager.CfnSecret

  constructor(scope: Construct, id: string, { config, key }: CredentialsProps) {
    super(scope, id)
    this.secret = new secretsmanager.CfnSecret(this, 'Secret', {
      name: `${config.name}/master`,
      description: `${config.name}: master user of the primary`,
      kmsKeyId: key.keyArn,
      generateSecretString: {
        secretStringTemplate: JSON.stringify({ username: config.database.masterUsername }),
        generateStringKey: 'password',
        passwordLength: 40,
        excludeCharacters: ' %+~`#$&*()|[]{}:;<>?!\'/@"\\',
      },
      replicaRegions: config.standby.enabled ? [standbyCopy(config)] : undefined,
    })
    this.secret.applyRemovalPolicy(KEPT)
  }

  /** The reference that CloudFormation replaces by the password when it calls RDS; the template never holds it. */
  get password(): string {
    return `{{resolve:secretsmanager:${this.secret.ref}:SecretString:password::}}`
  }

  /** Writes host and port into the secret, and rotates it. */
  attach(
    instance: rds.CfnDBInstance,
    { config, network, groups, key }: AttachProps,
  ): secretsmanager.CfnRotationSchedule {
    const attachment = new secretsmanager.CfnSecretTargetAttachment(this, 'Attachment', {
      secretId: this.secret.ref,
      targetId: instance.ref,
      targetType: 'AWS::RDS::DBInstance',
    })
    const rotator = new ec2.SecurityGroup(this, 'Rotator', {
      vpc: network.vpc,
      securityGroupName: `${config.name}-rotator`,
      description: `${config.name}: rotates the master password`,
      allowAllOutbound: false,
    })
    rotator.addEgressRule(ec2.Peer.ipv4(config.network.cidr), ec2.Port.tcp(5_432), 'database')
    rotator.addEgressRule(ec2.Peer.ipv4(config.network.cidr), ec2.Port.tcp(443), 'Secrets Manager endpoint')
    groups.security.addIngressRule(rotator, ec2.Port.tcp(5_432), 'password rotation')
    Stack.of(this).addTransform(ROTATION_TRANSFORM)
    return new secretsmanager.CfnRotationSchedule(this, 'Rotation', {
      secretId: attachment.ref,
      hostedRotationLambda: {
        rotationType: 'PostgreSQLSingleUser',
        kmsKeyArn: key.keyArn,
        vpcSubnetIds: network.vpc.selectSubnets({ subnetGroupName: 'data' }).subnetIds.join(','),
        vpcSecurityGroupIds: rotator.securityGroupId,
        excludeCharacters: ' %+~`#$&*()|[]{}:;<>?!\'/@"\\',
      },
      rotateImmediatelyOnUpdate: false,
      rotationRules: { scheduleExpression: 'rate(30 days)' },
    })
  }
}

export type AttachProps = CredentialsProps & { readonly network: Network; readonly groups: DatabaseGroups }

// The password must survive its region. The copy names the host of the home region until a failover writes its own.
function standbyCopy(config: EnvironmentConfig): secretsmanager.CfnSecret.ReplicaRegionProperty {
  const { account, standbyRegion } = config
  const key = `arn:${partitionOf(standbyRegion)}:kms:${standbyRegion}:${account}:${keyAlias(config)}`
  return { region: standbyRegion, kmsKeyId: key }
}
