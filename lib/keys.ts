import { Duration } from 'aws-cdk-lib'
import * as iam from 'aws-cdk-lib/aws-iam'
import * as kms from 'aws-cdk-lib/aws-kms'
import { Construct } from 'constructs'
import { partitionOf } from '../config/regions.ts'
import type { EnvironmentConfig } from '../config/schema.ts'
import { KEPT } from './kept.ts'
import { evidenceKeyAlias, keyAlias } from './names.ts'
import { PUBLISHERS } from './topics.ts'

/** Days between two rotations of the data key. */
export const ROTATION_DAYS = 365

export type KeysProps = { readonly config: EnvironmentConfig; readonly region: string }

/** One region's keys: `data` encrypts everything at rest and rotates yearly, `evidence` signs what a drill found. */
export class Keys extends Construct {
  readonly data: kms.Key
  readonly evidence: kms.Key

  constructor(scope: Construct, id: string, { config, region }: KeysProps) {
    super(scope, id)
    this.data = new kms.Key(this, 'Data', {
      alias: keyAlias(config),
      description: `${config.name}: everything at rest in ${region}`,
      enableKeyRotation: true,
      rotationPeriod: Duration.days(ROTATION_DAYS),
      pendingWindow: Duration.days(30),
      removalPolicy: KEPT,
    })
    allowServices(this.data, config, region)
    // KMS cannot rotate an asymmetric key, and must not: evidence stays verifiable with the public key of its time.
    this.evidence = new kms.Key(this, 'Evidence', {
      alias: evidenceKeyAlias(config),
      description: `${config.name}: signs drill evidence in ${region}`,
      keySpec: kms.KeySpec.ECC_NIST_P256,
      keyUsage: kms.KeyUsage.SIGN_VERIFY,
      pendingWindow: Duration.days(30),
      removalPolicy: KEPT,
    })
  }
}

/** CloudWatch Logs encrypts log groups as itself, and who publishes to the encrypted topics does so as itself. */
function allowServices(key: kms.Key, config: EnvironmentConfig, region: string): void {
  key.addToResourcePolicy(
    new iam.PolicyStatement({
      principals: [new iam.ServicePrincipal(`logs.${region}.amazonaws.com`)],
      actions: ['kms:Encrypt', 'kms:Decrypt', 'kms:ReEncrypt*', 'kms:GenerateDataKey*', 'kms:Describe*'],
      resources: ['*'],
      conditions: {
        ArnLike: {
          'kms:EncryptionContext:aws:logs:arn': `arn:${partitionOf(region)}:logs:${region}:${config.account}:*`,
        },
      },
    }),
  )
  key.addToResourcePolicy(
    new iam.PolicyStatement({
      principals: PUBLISHERS.map(service => new iam.ServicePrincipal(service)),
      actions: ['kms:Decrypt', 'kms:GenerateDataKey*'],
      resources: ['*'],
      conditions: { StringEquals: { 'aws:SourceAccount': config.account } },
    }),
  )
}
