/**
 * Majors that Holdfast is made for, and the minors that RDS offers of each (aws-cdk-lib's list; a test compares).
 * Before 17 a logical slot does not survive a failover.
 */
export const VERSIONS: Readonly<Record<string, number>> = { '17': 9, '18': 3 }
