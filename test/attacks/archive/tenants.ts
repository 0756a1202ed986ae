import type { ApplyAnswer, CompareAnswer } from '../../../lambdas/roll-forward/request.ts'
import { openRig, type Rig, readBoundary } from '../../lambdas/archiver/rig.ts'
import type { Server } from '../../lambdas/examine/lab.ts'

/** Two tenants of one database: each has a login, a schema of its own and nothing else. */
export const TENANTS = `
create role tenant_a login password 'master'; create role tenant_b login password 'master';
grant tenant_a, tenant_b to master;
create schema tenant_a authorization tenant_a; create schema tenant_b authorization tenant_b;
set role tenant_b; create table tenant_b.secret (id int primary key, card text);
insert into tenant_b.secret values (1, '4111-1111-1111-1111'); reset role`

/** A primary with two tenants, archived whole. */
export async function openTenants(setup = ''): Promise<Rig> {
  const rig = await openRig({ tables: ['*.*'] })
  await rig.sql(TENANTS)
  if (setup !== '') await as(rig, 'tenant_a', setup)
  await rig.run()
  return rig
}

/** What a login sends as one text, over a connection of its own. */
export async function as(rig: Pick<Rig, 'lab'>, user: string, ...texts: string[]): Promise<void> {
  await on(rig.lab.primary, user, ...texts)
}

export async function on(server: Server, user: string, ...texts: string[]): Promise<unknown[]> {
  const client = await server.connect(user)
  try {
    let rows: unknown[] = []
    for (const text of texts) rows = (await client.query(text)).rows ?? []
    return rows
  } finally {
    await client.end()
  }
}

export type Attacked = {
  readonly copy: Server
  readonly applied: ApplyAnswer
  readonly compared: CompareAnswer
}

/** A copy that is rolled forward over whatever `attack` does after its cut. */
export async function rollOver(rig: Rig, attack: () => Promise<unknown>): Promise<Attacked> {
  await rig.lab.beat()
  const copy = await rig.lab.restore(await rig.lab.backup())
  const boundary = await readBoundary(copy)
  await attack()
  const wanted = await rig.fingerprint()
  await rig.lab.beat()
  await rig.run()
  const { snapshot, lsn } = wanted
  const applied = await rig.apply(copy, { kind: 'snapshot', snapshot, lsn }, 600, boundary)
  return { copy, applied, compared: await rig.compare(copy, wanted) }
}

const RIGHTS = `
select r.rolname, r.rolcreaterole, r.rolcreatedb, r.rolbypassrls, r.rolcanlogin, r.rolconnlimit,
  array(select g.rolname from pg_auth_members m join pg_roles g on g.oid = m.roleid where m.member = r.oid order by 1) as groups,
  has_schema_privilege(r.oid, 'tenant_b', 'usage') as enters, has_table_privilege(r.oid, 'tenant_b.secret', 'select') as reads
from pg_roles r where r.rolname !~ '^(pg_|rds|holdfast)' order by 1`

/** Roles, what they are members of, and whether they reach the other tenant's table. */
export async function rightsOf(server: Server): Promise<unknown> {
  return server.cluster.query(RIGHTS, [], 'shop')
}

export const verdicts = ({ checks }: Pick<ApplyAnswer, 'checks'>): Record<string, string> =>
  Object.fromEntries(checks.map(({ name, verdict }) => [name, verdict]))
