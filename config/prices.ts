/**
 * List prices in USD without tax, credits or private discounts.
 *
 * Where each row comes from:
 * - RDS instances (PostgreSQL, Single-AZ), gp3 storage, S3, Lambda, data transfer and CloudWatch Logs: the AWS
 *   Price List bulk files (https://pricing.us-east-1.amazonaws.com/offers/v1.0/aws), AmazonRDS published
 *   2026-10-06, AmazonS3 2026-09-28, AWSDataTransfer 2026-09-16, AWSLambda 2026-10-01, AmazonCloudWatch
 *   2026-09-22, read through a public snapshot taken on 2026-10-06. eu-* gp3 storage: public bills of 2026.
 * - Valkey nodes in us-east-1: Price List AmazonElastiCache, read 2026-10-02 through a public copy.
 * - Provisioned IOPS, throughput, io2, backup storage and RDS Proxy in us-east-1: Price List AmazonRDS of
 *   2026-07-28 as quoted publicly with its SKUs, and the RDS Proxy pricing page of the same day.
 * - Interface endpoints in us-east-1: AWS PrivateLink's pricing page, by interface and hour, as calculated publicly
 *   on 2026-01-29.
 * - NAT gateways in eu-west-1: Price List AmazonEC2 of 2026-09-25, read 2026-10-02 through a public excerpt.
 * - us-west-2's rows of `virginiaAlone`: none was seen. They are us-east-1's, since every row that was seen in both
 *   regions is equal there; the bill marks them with "~".
 * - KMS, Secrets Manager, Route 53, CloudWatch metrics and alarms: the services' pricing pages, one price in
 *   every region here.
 *
 * What was not found is not here: asking for it is an error, never zero. `budget.prices` adds or overrides a row.
 */
export const PRICES_OF = '2026-10-06'

/**
 * Rows by region and key. `db.<family>` is an hour of a Single-AZ PostgreSQL instance of size `large`, in the
 * precision of the family's largest listed class: RDS prices are proportional to normalized units within a
 * family, Multi-AZ is twice Single-AZ, and the list rounds each row to a tenth of a cent.
 */
export const PRICES: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  'us-east-1': { ...virginiaAndOregon(), ...virginiaAlone() },
  'us-west-2': { ...virginiaAndOregon(), ...virginiaAlone() },
  'eu-west-1': {
    'db.t3': 0.156,
    'db.t4g': 0.1384,
    'db.m5': 0.197,
    'db.m6g': 0.176,
    'db.m6i': 0.197,
    'db.m7g': 0.18623,
    'db.m8g': 0.186,
    'db.r5': 0.28,
    'db.r6g': 0.252,
    'db.r6i': 0.28,
    'db.r7g': 0.26786,
    'db.r8g': 0.268,
    'gp3.gib': 0.127,
    's3.gib': 0.023,
    'transfer.gib': 0.02,
    'nat.hour': 0.048,
    ...everywhere(),
  },
  'eu-central-1': {
    'db.t3': 0.168,
    'db.t4g': 0.14875,
    'db.m5': 0.212,
    'db.m6g': 0.18938,
    'db.m6i': 0.212,
    'db.m7g': 0.20029,
    'db.m8g': 0.2,
    'db.r5': 0.305,
    'db.r6g': 0.27425,
    'db.r6i': 0.305,
    'db.r7g': 0.29113,
    'db.r8g': 0.291,
    'gp3.gib': 0.137,
    's3.gib': 0.0245,
    'transfer.gib': 0.02,
    ...everywhere(),
  },
}

/** Seen in the list of either region, with the same price. */
function virginiaAndOregon(): Record<string, number> {
  return {
    'db.t3': 0.14475,
    'db.t4g': 0.12925,
    'db.m5': 0.178,
    'db.m6g': 0.159,
    'db.m6i': 0.178,
    'db.m7g': 0.1685,
    'db.m8g': 0.168,
    'db.r5': 0.25,
    'db.r6g': 0.22475,
    'db.r6i': 0.25,
    'db.r7g': 0.23906,
    'db.r8g': 0.239,
    'gp3.gib': 0.115,
    's3.gib': 0.023,
    'transfer.gib': 0.02,
    'logs.gib': 0.5,
    ...everywhere(),
  }
}

/** Seen in us-east-1 only. */
function virginiaAlone(): Record<string, number> {
  return {
    'gp3.iops': 0.02,
    'gp3.mibps': 0.08,
    'io2.gib': 0.125,
    'io2.iops': 0.1,
    'backup.gib': 0.095,
    'proxy.vcpu': 0.015,
    'cache.t3.micro': 0.0136,
    'cache.t3.small': 0.0272,
    'cache.t3.medium': 0.0544,
    'cache.t4g.micro': 0.0128,
    'cache.t4g.small': 0.0256,
    'cache.t4g.medium': 0.052,
    'cache.m6g.large': 0.1192,
    'cache.m6g.xlarge': 0.2376,
    'cache.m7g.large': 0.1264,
    'cache.m7g.xlarge': 0.252,
    'cache.m7g.2xlarge': 0.5032,
    'cache.r6g.large': 0.1648,
    'cache.r6g.xlarge': 0.3288,
    'cache.r6g.2xlarge': 0.6568,
    'cache.r7g.large': 0.1752,
    'cache.r7g.xlarge': 0.3496,
    'cache.r7g.2xlarge': 0.6984,
    'cache.r7g.4xlarge': 1.396,
    'cache.r8g.large': 0.1756,
    'cache.r8g.xlarge': 0.3511,
    'cache.r8g.2xlarge': 0.7022,
    'nat.hour': 0.045,
    'endpoint.hour': 0.01,
  }
}

function everywhere(): Record<string, number> {
  return {
    's3.put': 0.000005,
    'lambda.gib-second': 0.0000133334,
    'kms.key': 1,
    'secret.month': 0.4,
    'zone.month': 0.5,
    'healthcheck.month': 0.5,
    'alarm.month': 0.1,
    'composite-alarm.month': 0.5,
    'dashboard.month': 3,
    'metric.month': 0.3,
  }
}

/**
 * What a one-year No Upfront reservation costs of the on-demand hour. Published per class were found for
 * db.m6g.large (0.1018 of 0.159, instances.vantage.sh, 2026) and db.r8g ("about 33 % less", usage.ai, April
 * 2026); every other family is taken at the more cautious of the two, so its reserved column is an estimate.
 */
export const RESERVED_SHARE: Readonly<Record<string, number>> = { m6g: 0.64, r8g: 0.67 }
export const RESERVED_SHARE_ELSEWHERE = 0.67

/** A price that the table does not hold. It carries the key, so that it can be added by hand. */
export class UnknownPrice extends Error {
  override readonly name = 'UnknownPrice'
  readonly key: string

  constructor(key: string) {
    super(`no price for ${key} is known`)
    this.key = key
  }
}

/** Whether the price at `<region>/<key>` is another region's, for want of a source of its own. */
export function isAssumed(region: string, key: string, own: Readonly<Record<string, number>> = {}): boolean {
  return region === 'us-west-2' && key in virginiaAlone() && own[`${region}/${key}`] === undefined
}

/** The price at `<region>/<key>`; the config's own rows win. Throws `UnknownPrice`. */
export function priceOf(region: string, key: string, own: Readonly<Record<string, number>> = {}): number {
  const price = own[`${region}/${key}`] ?? PRICES[region]?.[key]
  if (price === undefined) throw new UnknownPrice(`${region}/${key}`)
  return price
}
