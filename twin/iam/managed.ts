import { type Policy, parsePolicy } from './document.ts'

const statement = (actions: readonly string[], resource = '*', rest: object = {}) => ({
  Version: '2012-10-17',
  Statement: [{ Effect: 'Allow', Action: actions, Resource: resource, ...rest }],
})

const LOGS = ['logs:CreateLogGroup', 'logs:CreateLogStream', 'logs:PutLogEvents']

// From the AWS managed policy reference, 2026-02: https://docs.aws.amazon.com/aws-managed-policy/latest/reference/
const DOCUMENTS: Readonly<Record<string, object>> = {
  'service-role/AWSLambdaBasicExecutionRole': statement(LOGS),
  'service-role/AWSLambdaVPCAccessExecutionRole': statement([
    ...LOGS,
    'ec2:CreateNetworkInterface',
    'ec2:DescribeNetworkInterfaces',
    'ec2:DescribeSubnets',
    'ec2:DeleteNetworkInterface',
    'ec2:AssignPrivateIpAddresses',
    'ec2:UnassignPrivateIpAddresses',
  ]),
  'service-role/AWSLambdaBasicDurableExecutionRolePolicy': statement([
    ...LOGS,
    'lambda:CheckpointDurableExecution',
    'lambda:GetDurableExecutionState',
  ]),
  AWSXRayDaemonWriteAccess: statement([
    'xray:PutTraceSegments',
    'xray:PutTelemetryRecords',
    'xray:GetSamplingRules',
    'xray:GetSamplingTargets',
    'xray:GetSamplingStatisticSummaries',
  ]),
  'service-role/AmazonRDSEnhancedMonitoringRole': {
    Version: '2012-10-17',
    Statement: [
      {
        Effect: 'Allow',
        Action: ['logs:CreateLogGroup', 'logs:PutRetentionPolicy'],
        Resource: 'arn:aws:logs:*:*:log-group:RDS*',
      },
      {
        Effect: 'Allow',
        Action: ['logs:CreateLogStream', 'logs:PutLogEvents', 'logs:DescribeLogStreams', 'logs:GetLogEvents'],
        Resource: 'arn:aws:logs:*:*:log-group:RDS*:log-stream:*',
      },
    ],
  },
}

/**
 * Policies of AWS Backup's service roles. The twin takes recovery points itself and never acts as these roles, so
 * that attaching them is known and grants nothing.
 */
const ACTED_BY_AWS_ALONE = new Set([
  'service-role/AWSBackupServiceRolePolicyForBackup',
  'service-role/AWSBackupServiceRolePolicyForRestores',
])

const PREFIX = /^arn:aws[a-z-]*:iam::aws:policy\//

/** Whether an ARN is of a policy that AWS manages. */
export const isAwsManaged = (arn: string) => PREFIX.test(arn)

/** The document of a policy that AWS manages; one that the twin does not carry is refused by name. */
export function awsManagedPolicy(arn: string): Policy {
  const name = arn.replace(PREFIX, '')
  if (ACTED_BY_AWS_ALONE.has(name)) return { name, version: '2012-10-17', statements: [] }
  const document = DOCUMENTS[name]
  if (!document) {
    throw new Error(
      `the twin does not carry the AWS managed policy ${name}. HINT: add its document to twin/iam/managed.ts`,
    )
  }
  return parsePolicy(name, document)
}
