import type { EnvironmentConfig } from '../schema.ts'
import { type Rule, when } from './rule.ts'

/** CreateDBInstance: 1 to 63 letters, digits and hyphens. */
const LONGEST_IDENTIFIER = 63
/** CreateReplicationGroup: 1 to 40. */
const LONGEST_CACHE = 40
/** CreateBackupVault: 2 to 50. */
const LONGEST_VAULT = 50
/** S3: 3 to 63. */
const LONGEST_BUCKET = 63
/** `drill-<name>-<id>`: a drill's id has ten characters. */
const DRILL_ID = 10

const derived = (config: EnvironmentConfig) => [
  {
    name: `${config.name}-standby`,
    most: LONGEST_IDENTIFIER,
    what: 'the standby database',
    used: config.standby.enabled,
  },
  {
    name: `drill-${config.name}-${'x'.repeat(DRILL_ID)}`,
    most: LONGEST_IDENTIFIER,
    what: "a drill's copy",
    used: true,
  },
  { name: config.name, most: LONGEST_CACHE, what: 'the cache', used: config.cache.enabled },
  { name: config.name, most: LONGEST_VAULT, what: 'the backup vault', used: config.vault.enabled },
  ...[config.region, config.standbyRegion].map(region => ({
    name: `${config.name}-evidence-${config.account}-${region}`,
    most: LONGEST_BUCKET,
    what: `the bucket in ${region}`,
    used: true,
  })),
]

const mustFitAwsNames: Rule = config => {
  const tooLong = derived(config).filter(({ name, most, used }) => used && name.length > most)
  const worst = tooLong.toSorted((a, b) => b.name.length - b.most - (a.name.length - a.most))[0]
  if (!worst) return []
  return when(
    true,
    'app',
    config.app,
    `the name "${worst.name}" of ${worst.what} has ${worst.name.length} characters, AWS takes ${worst.most}`,
    `shorten app or environment by ${worst.name.length - worst.most}`,
  )
}

const replicasMustFit: Rule = config =>
  config.database.replicas.flatMap((replica, index) =>
    when(
      `${config.name}-${replica.name}`.length > LONGEST_IDENTIFIER,
      `database.replicas[${index}].name`,
      replica.name,
      `the identifier "${config.name}-${replica.name}" is longer than the ${LONGEST_IDENTIFIER} characters that RDS takes`,
      'shorten it',
    ),
  )

const mustNotLookLikeADrill: Rule = config =>
  when(
    config.name.startsWith('drill-'),
    'app',
    config.app,
    `production would be called "${config.name}", and drills may delete every instance called "drill-…"`,
    'choose an app name that does not begin with "drill"',
  )

const replicasMustDiffer: Rule = ({ database }) =>
  database.replicas.flatMap((replica, index) =>
    when(
      database.replicas.findIndex(each => each.name === replica.name) < index,
      `database.replicas[${index}].name`,
      replica.name,
      'another replica has this name already',
      'give each replica its own name',
    ),
  )

/** Names that the environment itself uses behind `<name>-`. */
const TAKEN = ['standby']

const replicasMustNotTakeOurs: Rule = ({ database }) =>
  database.replicas.flatMap((replica, index) =>
    when(
      TAKEN.includes(replica.name),
      `database.replicas[${index}].name`,
      replica.name,
      'this name is the standby database’s',
      'choose another name',
    ),
  )

const databaseMustBeAName: Rule = ({ database }) =>
  when(
    !/^[a-zA-Z][a-zA-Z0-9_]{0,62}$/.test(database.name),
    'database.name',
    database.name,
    'RDS takes 1 to 63 letters, digits and underscores, a letter first',
    'write a name like "app"',
  )

/** Exist already, or are RDS's own. */
const DATABASES = ['postgres', 'template0', 'template1', 'rdsadmin']
// PostgreSQL 18, appendix C: key words that are reserved.
const RESERVED = new Set(
  `all analyse analyze and any array as asc asymmetric both case cast check collate column constraint create
  current_catalog current_date current_role current_time current_timestamp current_user default deferrable desc
  distinct do else end except false fetch for foreign from grant group having in initially intersect into lateral
  leading limit localtime localtimestamp not null offset on only or order placing primary references returning
  select session_user some symmetric system_user table then to trailing true union unique user using variadic when
  where window with`.split(/\s+/),
)

const databaseMustBeFree: Rule = ({ database }) =>
  when(
    DATABASES.includes(database.name.toLowerCase()) || RESERVED.has(database.name.toLowerCase()),
    'database.name',
    database.name,
    'RDS refuses this name: it is a database that exists already or a reserved word of PostgreSQL',
    'choose another name, such as "app"',
  )

const masterMustBeAName: Rule = ({ database }) =>
  when(
    !/^[a-zA-Z][a-zA-Z0-9_]{0,15}$/.test(database.masterUsername),
    'database.masterUsername',
    database.masterUsername,
    'RDS takes 1 to 16 letters, digits and underscores, a letter first',
    'write a name like "holdfast_admin"',
  )

const MASTERS =
  /^(admin|rdsadmin|rds_\w+|rdsrepladmin|rdstopmgr|pg_\w+|public|none|holdfast_(heartbeat|archiver|examine|roll_forward|workload))$/i

const masterMustBeFree: Rule = ({ database }) =>
  when(
    MASTERS.test(database.masterUsername) || RESERVED.has(database.masterUsername.toLowerCase()),
    'database.masterUsername',
    database.masterUsername,
    'this name is reserved by RDS, by PostgreSQL or for a function of Holdfast',
    'choose another name, such as "holdfast_admin"',
  )

const tagsMustBeValues: Rule = config =>
  (['owner', 'costCentre'] as const).flatMap(key =>
    when(
      !/^[\p{L}\p{Z}\p{N}_.:/=+\-@]{1,256}$/u.test(config[key]),
      key,
      config[key],
      'a tag takes 1 to 256 letters, digits, spaces and _ . : / = + - @',
      'write who owns it in those characters',
    ),
  )

/** Names that RDS, S3, ElastiCache or AWS Backup refuse after the deployment has begun. */
export const NAMES: readonly Rule[] = [
  mustFitAwsNames,
  replicasMustFit,
  mustNotLookLikeADrill,
  replicasMustDiffer,
  replicasMustNotTakeOurs,
  databaseMustBeAName,
  databaseMustBeFree,
  masterMustBeAName,
  masterMustBeFree,
  tagsMustBeValues,
]
