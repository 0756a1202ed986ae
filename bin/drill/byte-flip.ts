import pg from 'pg'
import { copyIdentifier } from '../../lambdas/restore-drill/copy.ts'
import { Refusal } from '../../lambdas/runtime/failure.ts'
import { callControl } from '../../twin/control/client.ts'
import type { DrillOptions } from '../commands/drill.ts'
import { ownerConnection } from '../rehearsal/owner.ts'
import { controlOf } from '../twin-process.ts'
import type { Deployment } from './deployment.ts'

// Outside Holdfast's own tables: without its heartbeats nothing in the copy could be dated and every check be blind.
const LARGEST = `
select c.oid::pg_catalog.regclass::pg_catalog.text as relation
from pg_catalog.pg_class c
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where c.relkind = $1 and pg_catalog.pg_relation_size(c.oid) >= $2
  and n.nspname not in ('pg_catalog', 'information_schema', 'pg_toast', 'holdfast')
order by pg_catalog.pg_relation_size(c.oid) desc
limit 1`

// A table's first page holds rows; an index's first page is its description, the second a leaf.
const PLACES: Readonly<Record<string, { kind: 'r' | 'i'; page: number }>> = {
  'heap-byte-flipped': { kind: 'r', page: 0 },
  'index-byte-flipped': { kind: 'i', page: 1 },
}

/**
 * For a control that SQL cannot do: a function that flips bytes in the copy's file, else undefined.
 * @throws Refusal `NoBytes` for AWS, where nobody reaches the files
 */
export function byteFlip(
  deployment: Deployment,
  { control, region }: Pick<DrillOptions, 'control' | 'region'>,
): ((drill: string) => Promise<void>) | undefined {
  const place = PLACES[control ?? '']
  if (!place) return undefined
  const { twin, config } = deployment
  if (!twin)
    throw new Refusal(
      'NoBytes',
      `${control} needs the files of the copy, which RDS does not give out`,
      'run this control against a twin: holdfast up',
    )
  return async drill => {
    await callControl(controlOf(twin), 'injure', {
      kind: 'corrupt-page',
      instance: copyIdentifier(config.name, drill),
      region: deployment.region(region),
      database: config.database.name,
      relation: await largest(deployment, place),
      page: place.page,
    })
  }
}

async function largest(
  deployment: Deployment,
  { kind, page }: { kind: 'r' | 'i'; page: number },
): Promise<string> {
  const client = new pg.Client(await ownerConnection(deployment))
  await client.connect()
  try {
    const { rows } = await client.query<{ relation: string }>(LARGEST, [kind, (page + 1) * 8_192])
    if (rows[0]) return rows[0].relation
    throw new Refusal(
      'NothingToDamage',
      'the database holds no table of its own',
      'fill it: holdfast rehearse --keep',
    )
  } finally {
    await client.end()
  }
}
