import { RemovalPolicy } from 'aws-cdk-lib'

/**
 * Kept whatever happens to its stack or its template; only the deployment that makes it may take it back when it
 * fails. Left behind by a first deployment, it would hold its fixed name and make every later one fail.
 */
export const KEPT = RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE
