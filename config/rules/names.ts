import { type Rule, when } from './rule.ts'

/** CreateDBInstance: 1 to 63 letters, digits and hyphens. */
const LONGEST_IDENTIFIER = 63
/** S3: 3 to 63. */
const LONGEST_BUCKET = 63

/** The longest name that is derived, in its region. What fits here fits a cache's 40 and a vault's 50 characters too. */
const mustFitAwsNames: Rule = config =>
  [...new Set([config.region, config.standbyRegion])].flatMap(region => {
    const bucket = `${config.name}-evidence-${config.account}-${region}`
    return when(
      bucket.length > LONGEST_BUCKET,
      'app',
      config.app,
      `the name "${bucket}" of a bucket has ${bucket.length} characters, AWS takes ${LONGEST_BUCKET}`,
      `shorten app or environment by ${bucket.length - LONGEST_BUCKET}`,
    )
  })

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
