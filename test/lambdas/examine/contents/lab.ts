import { compareAll, marked, task } from '../../../../bench/examination.ts'
import { revive, writeOverAll } from '../../../../bench/flip-byte.ts'
import { sidesOf } from '../../../../bench/lab.ts'
import { examine } from '../../../../lambdas/examine/examine.ts'
import type {
  Boundary,
  ContentsAnswer,
  ContentsResult,
  Cut,
  WitnessAnswer,
} from '../../../../lambdas/examine/request.ts'
import type { Rig } from '../../archiver/rig.ts'
import type { Server } from '../lab.ts'

type Texts = Readonly<Record<string, Readonly<Record<string, string>>>>

/** A copy with its end, before anything of the primary's later changes is known to it. */
export type Restored = { readonly copy: Server; readonly boundary: Boundary; readonly cut: Cut }

/**
 * Restores a copy to now, and writes other texts over those of its pages behind the back of their checksums.
 * @param revived tables whose deleted rows are made to live again
 */
export async function restoreDamaged(
  rig: Rig,
  texts: Texts = {},
  revived: readonly string[] = [],
): Promise<Restored> {
  const { lab } = rig
  const backup = await lab.backup()
  await lab.beat()
  let copy = await lab.restore(backup)
  const { boundary } = await task({ task: 'open', copy: copy.endpoint }, undefined, copy)
  if (Object.keys(texts).length > 0) {
    await writeOverAll(lab, copy, texts)
    copy = await lab.startAgain(copy, { ignore_checksum_failure: true })
  }
  for (const table of revived) {
    await revive(lab, copy, table)
    copy = await lab.startAgain(copy, { ignore_checksum_failure: true })
  }
  const disasterAt = new Date().toISOString()
  const { cut } = await task({ task: 'cut', copy: copy.endpoint, disasterAt }, undefined, copy)
  if (!cut) throw new Error('the copy has no heartbeat')
  return { copy, boundary, cut }
}

export async function takeWitness(rig: Rig): Promise<WitnessAnswer> {
  const { primary } = rig.lab
  return (await examine({ task: 'witness' }, sidesOf(primary, undefined), keep(rig))) as WitnessAnswer
}

const keep = (rig: Rig) => ({ shelf: rig.destination, code: 'test' })

/** Compares the copy with the primary as it is now, and proves the contents of what only the copy has. */
export async function proveContents(
  rig: Rig,
  { copy, boundary, cut }: Restored,
): Promise<{
  answer: ContentsAnswer
  of: (table: string) => Omit<ContentsResult, 'oid' | 'archived' | 'faults'> & { why: string[] }
}> {
  const { primary } = rig.lab
  const tables = await compareAll(primary, copy, { boundary, cut })
  const { lsn: until, systemIdentifier } = await marked(primary)
  await rig.lab.beat()
  await rig.run()
  const answer = (await examine(
    {
      task: 'contents',
      ...{ primary: primary.endpoint, copy: copy.endpoint, boundary, cut },
      ...{ systemIdentifier, until, sequences: true },
      tables: tables.flatMap(({ oid, strategy, changedSince, changedIn }) =>
        changedSince > 0 ? [{ oid, strategy, changedIn: changedIn ?? [] }] : [],
      ),
    },
    sidesOf(primary, copy),
    keep(rig),
  )) as ContentsAnswer
  return {
    answer,
    of: name => {
      const found = answer.tables.find(({ table }) => table === name)
      if (!found) throw new Error(`nothing was said of ${name}: ${JSON.stringify(tables)}`)
      const { oid: _, archived: __, faults, ...counts } = found
      return { ...counts, why: faults.map(({ kind, why }) => `${kind}: ${why}`) }
    },
  }
}
