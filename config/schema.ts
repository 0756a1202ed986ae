import { z } from 'zod'

/** The failure modes an objective is stated for. */
export const MODES = ['instance-loss', 'bad-write', 'region-loss', 'account-loss'] as const
export type Mode = (typeof MODES)[number]

const UNITS = { s: 1, m: 60, h: 3_600, d: 86_400 } as const

/** A length of time as a person writes it (`"90s"`, `"15m"`, `"1h"`, `"7d"`), parsed to whole seconds. */
const duration = z
  .string()
  .regex(/^\d+[smhd]$/, 'want a whole number and a unit s, m, h or d, like "15m"')
  .transform(text => Number(text.slice(0, -1)) * UNITS[text.slice(-1) as keyof typeof UNITS])

const slug = z
  .string()
  .regex(
    /^[a-z][a-z0-9]*(-[a-z0-9]+)*$/,
    'want lower-case letters, digits and single hyphens, a letter first',
  )

const replica = z.strictObject({
  name: slug,
  /** `analytics` replicas stay out of the `read` name. */
  role: z.enum(['read', 'analytics']).default('read'),
  instance: z.string().optional(),
})

const database = z.strictObject({
  engineVersion: z
    .string()
    .regex(/^\d+(\.\d+)?$/, 'want a major ("18") or a full version ("18.3")')
    .default('18'),
  /** Lets RDS upgrade to another major version; on for the one deployment that does it. */
  allowMajorUpgrade: z.boolean().default(false),
  /** RDS class without the `db.` prefix, e.g. `r6g.xlarge`. */
  instance: z.string(),
  name: z.string().default('app'),
  masterUsername: z.string().default('holdfast_admin'),
  multiAz: z.boolean().default(true),
  storage: z.strictObject({
    /** GiB */
    size: z.number().int(),
    /** GiB that autoscaling may grow to. */
    max: z.number().int(),
    type: z.enum(['gp3', 'io2']).default('gp3'),
    iops: z.number().int().optional(),
    /** MiB/s */
    throughput: z.number().int().optional(),
  }),
  replicas: z.array(replica).default([]),
  backup: z
    .strictObject({
      retention: duration.default(14 * 86_400),
      /** UTC, `hh:mm-hh:mm` */
      window: z.string().default('03:30-04:30'),
      replicate: z.boolean().default(true),
    })
    .prefault({}),
  /** UTC, `ddd:hh:mm-ddd:hh:mm` */
  maintenanceWindow: z.string().default('sun:05:30-sun:06:30'),
  password: z.enum(['rotated-secret', 'rds-managed']).default('rotated-secret'),
  logicalReplication: z.boolean().default(true),
  /** Overrides of the derived parameter group, by PostgreSQL's names. */
  parameters: z.record(z.string(), z.string()).default({}),
})

const zoneLetters = z.string().regex(/^[a-z]{2,3}$/, 'want the letters of two or three zones, such as "bcd"')

const network = z.strictObject({
  cidr: z.string(),
  standbyCidr: z.string(),
  zones: z.number().int().min(2).max(3).default(3),
  /**
   * Their letters at home, such as "bcd", where the first ones will not do: which zone a letter means differs by
   * account, and some zones lack classes, proxies or endpoints. The databases stay where these are: decide once.
   */
  zoneLetters: zoneLetters.optional(),
  /** The same in the standby region. */
  standbyZoneLetters: zoneLetters.optional(),
  /** For the services' private subnets; Holdfast itself needs none. */
  natGateways: z.number().int().min(0).max(3).default(0),
})

const objective = z.strictObject({ rpo: duration, rto: duration })

const drill = z.strictObject({
  every: duration,
  at: z.enum(['before-backup-window', 'any']).default('any'),
  /** Share of rows that must be compared, 0 to 1. */
  coverageFloor: z.number().min(0).max(1).default(0.99),
})

const assertion = z.strictObject({
  name: z.string(),
  /**
   * One SELECT or VALUES that answers one row of one boolean, true when the copy is good. It runs on the copy, as a login
   * that only reads; nothing but whether it is true goes into the evidence.
   */
  sql: z.string(),
})

/** The whole shape of one environment, as a person writes it; every default stands here and nowhere else. */
export const environmentSchema = z.strictObject({
  app: slug.default('holdfast'),
  environment: slug,
  owner: z.string(),
  costCentre: z.string(),
  account: z.string().regex(/^\d{12}$/, 'want twelve digits'),
  region: z.string(),
  standbyRegion: z.string(),
  network,
  database,
  standby: z
    .strictObject({
      enabled: z.boolean().default(true),
      instance: z.string().optional(),
      multiAz: z.boolean().default(false),
    })
    .prefault({}),
  pool: z
    .strictObject({
      enabled: z.boolean().default(true),
      maxConnectionsPercent: z.number().int().min(1).max(100).default(80),
      /** How long a client waits for a connection. */
      borrowTimeout: duration.default(10),
      idleClientTimeout: duration.default(1_800),
    })
    .prefault({}),
  cache: z
    .strictObject({
      enabled: z.boolean().default(true),
      node: z.string().default('t4g.micro'),
      nodes: z.number().int().min(1).max(6).default(1),
      engineVersion: z.string().default('8.1'),
    })
    .prefault({}),
  archive: z
    .strictObject({
      enabled: z.boolean().default(true),
      retention: duration.default(30 * 86_400),
      /** Tables as `schema.table`, `schema.*` or `*.*`; system schemas never. Each is published by its name, as it comes. */
      tables: z.array(z.string()).default(['*.*']),
    })
    .prefault({}),
  vault: z
    .strictObject({ enabled: z.boolean().default(true), retention: duration.default(30 * 86_400) })
    .prefault({}),
  evidence: z.strictObject({ retention: duration.default(365 * 86_400) }).prefault({}),
  logs: z.strictObject({ retention: duration.default(30 * 86_400) }).prefault({}),
  objectives: z.partialRecord(z.enum(MODES), objective),
  drills: z.partialRecord(z.enum(MODES), drill).default({}),
  assertions: z.array(assertion).default([]),
  paging: z
    .strictObject({
      /** Secret, of this name in every region, that holds the integration URL of PagerDuty or Opsgenie; never the URL itself. */
      pagerSecret: z.string().optional(),
      /** Gets the warnings, and the pages too while no pager is named. */
      email: z.string().optional(),
      /** Where the runbook can be read; each alarm links to its article behind `#`. */
      runbook: z.string().default('docs/runbook.md'),
      slack: z.strictObject({ workspaceId: z.string(), channelId: z.string() }).optional(),
    })
    .prefault({}),
  budget: z.strictObject({
    monthlyUsd: z.number().positive(),
    /**
     * Whether Cost Anomaly Detection tells of unusual spend. In an organization the management account must have
     * activated the tag `holdfast:environment` for cost allocation; where it will not, say false.
     */
    anomalies: z.boolean().default(true),
    /** Prices of one's own by `<region>/<key>` of config/prices.ts: a negotiated one, or one that the table lacks. */
    prices: z.record(z.string(), z.number().positive()).default({}),
  }),
})

/** What a person writes: defaults may be left out, durations are text. */
export type EnvironmentInput = z.input<typeof environmentSchema>

/** What everything behind `parseConfig` sees: nothing optional that has a default, durations in whole seconds. */
export type EnvironmentConfig = z.output<typeof environmentSchema> & {
  /** `<app>-<environment>`: the stem of every name. */
  readonly name: string
}
