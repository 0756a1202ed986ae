import * as iam from 'aws-cdk-lib/aws-iam'
import type { Construct } from 'constructs'

/** The role by which RDS writes enhanced monitoring: the operating system's figures, which CloudWatch does not have. */
export function createMonitoringRole(scope: Construct): iam.Role {
  return new iam.Role(scope, 'MonitoringRole', {
    assumedBy: new iam.ServicePrincipal('monitoring.rds.amazonaws.com'),
    managedPolicies: [
      iam.ManagedPolicy.fromAwsManagedPolicyName('service-role/AmazonRDSEnhancedMonitoringRole'),
    ],
  })
}
