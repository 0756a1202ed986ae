import type pg from 'pg'
import { Refusal } from '../runtime/failure.ts'
import { again } from './turn.ts'

/**
 * Makes the schema where there is none. What stands in a schema runs with its owner's rights in other people's sessions,
 * so that one which somebody else made, or may make things in, is not taken over.
 * @throws Refusal `ForeignSchema`
 */
export async function ensureSchema(client: pg.Client): Promise<void> {
  await again(() => client.query('create schema if not exists holdfast'))
  const { rows } = await client.query(SCHEMA)
  if (rows[0]?.owner != null)
    throw foreign(
      `schema holdfast belongs to ${rows[0].owner}, not to ${rows[0].me}`,
      `as ${rows[0].owner}, rename or drop it: alter schema holdfast rename to holdfast_of_another`,
    )
  if (rows[0]?.guest != null)
    throw foreign(
      `${rows[0].guest} may make objects in schema holdfast`,
      `as ${rows[0].me}: revoke create on schema holdfast from ${rows[0].guest}`,
    )
}

/** No `owner` where it is the caller's own; `guest` is somebody else who may create in it. */
const SCHEMA = `
select current_user as me,
  case when n.nspowner <> r.oid then pg_catalog.pg_get_userbyid(n.nspowner) end as owner,
  (select coalesce(g.rolname, 'public')
   from pg_catalog.aclexplode(n.nspacl) a
   left join pg_catalog.pg_roles g on g.oid = a.grantee
   where a.privilege_type = 'CREATE' and a.grantee <> n.nspowner and g.rolsuper is not true
   limit 1) as guest
from pg_catalog.pg_namespace n, pg_catalog.pg_roles r
where n.nspname = 'holdfast' and r.rolname = current_user`

/**
 * Refuses what somebody else put where ours goes: an object in the schema, or a role with one of our names that others
 * may act as. Objects of superusers (RDS makes extensions as one) are no danger: they may do more than we.
 * @throws Refusal `ForeignSchema` naming one of them
 */
export async function refuseStrangers(client: pg.Client): Promise<void> {
  const { rows: objects } = await client.query(OBJECTS)
  if (objects[0] !== undefined)
    throw foreign(
      `${objects[0].what} in schema holdfast belongs to ${objects[0].owner}`,
      'drop it or move it to another schema, then deploy again',
    )
  const { rows: roles } = await client.query(ROLES)
  if (roles[0] !== undefined)
    throw foreign(
      `${roles[0].member} may act as role ${roles[0].role}, which Holdfast gives rights to`,
      `revoke ${roles[0].role} from ${roles[0].member} granted by ${roles[0].grantor}, or drop that role: it is made anew`,
    )
}

const OBJECTS = `
select pg_catalog.pg_describe_object(o.class, o.oid, 0) as what, r.rolname as owner
from (
  select 'pg_catalog.pg_class'::pg_catalog.regclass as class, oid, relowner as owner, relnamespace as schema from pg_catalog.pg_class
  union all select 'pg_catalog.pg_proc'::pg_catalog.regclass, oid, proowner, pronamespace from pg_catalog.pg_proc
  union all select 'pg_catalog.pg_type'::pg_catalog.regclass, oid, typowner, typnamespace from pg_catalog.pg_type
  union all select 'pg_catalog.pg_operator'::pg_catalog.regclass, oid, oprowner, oprnamespace from pg_catalog.pg_operator
  union all select 'pg_catalog.pg_opclass'::pg_catalog.regclass, oid, opcowner, opcnamespace from pg_catalog.pg_opclass
  union all select 'pg_catalog.pg_opfamily'::pg_catalog.regclass, oid, opfowner, opfnamespace from pg_catalog.pg_opfamily
  union all select 'pg_catalog.pg_collation'::pg_catalog.regclass, oid, collowner, collnamespace from pg_catalog.pg_collation
  union all select 'pg_catalog.pg_conversion'::pg_catalog.regclass, oid, conowner, connamespace from pg_catalog.pg_conversion
  union all select 'pg_catalog.pg_ts_config'::pg_catalog.regclass, oid, cfgowner, cfgnamespace from pg_catalog.pg_ts_config
  union all select 'pg_catalog.pg_ts_dict'::pg_catalog.regclass, oid, dictowner, dictnamespace from pg_catalog.pg_ts_dict
  union all select 'pg_catalog.pg_statistic_ext'::pg_catalog.regclass, oid, stxowner, stxnamespace from pg_catalog.pg_statistic_ext
) as o (class, oid, owner, schema)
join pg_catalog.pg_roles r on r.oid = o.owner
where o.schema = 'holdfast'::pg_catalog.regnamespace and not r.rolsuper and r.rolname <> current_user
order by o.class <> 'pg_catalog.pg_class'::pg_catalog.regclass, o.oid
limit 1`

/** Who made a role may act as it; holdfast_health is there to be handed on. What the caller granted is the caller's choice. */
const ROLES = `
select g.rolname as role, u.rolname as member, b.rolname as grantor
from pg_catalog.pg_auth_members m
join pg_catalog.pg_roles g on g.oid = m.roleid
join pg_catalog.pg_roles u on u.oid = m.member
join pg_catalog.pg_roles b on b.oid = m.grantor
where g.rolname in ('holdfast_heartbeat', 'holdfast_archiver', 'holdfast_examine', 'holdfast_roll_forward', 'holdfast_workload')
  and u.rolname <> current_user and not u.rolsuper and b.rolname <> current_user
order by 1, 2
limit 1`

function foreign(fact: string, hint: string): Refusal {
  return new Refusal('ForeignSchema', fact, hint)
}
