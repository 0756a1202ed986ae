import type { Lsn } from '../../runtime/segment/lsn.ts'
import type { Proof } from '../request.ts'
import type { Row } from './rows.ts'

export type Judged = { readonly kind: Proof | 'corrupt' | 'unproven'; readonly why: string }

/**
 * What is known of a row's contents. A version that was seen before with another hash is damaged whatever else is
 * known; so is one that the archive says is older than what stood there at the copy's end.
 * @param rewritten whether DDL that may write rows anew was met in the archive: then another content is not yet a fault
 * @param end the copy's end in the primary's log; undefined where the archive does not say
 */
export function judgeRow(row: Row, { rewritten, end }: { rewritten: boolean; end: Lsn | undefined }): Judged {
  if (row.witness?.found === 'other')
    return corrupt('it is not what the witness saw under its place and transaction')
  if (row.old === 'other') return corrupt('it is not what the first change after the copy’s end found')
  if (row.image === 'gone' && isOlder(row))
    return corrupt('the archive says that it was gone before the copy’s end')
  if (row.image === 'other' && !(rewritten && row.xmin !== row.imageXid))
    return corrupt('the archive says that it held something else at the copy’s end')
  if (row.image === 'other')
    return unproven('it was written anew by a change of the schema since the archive told of it')
  if (row.image === 'gone') return unproven('it is younger than what the archive tells of its key')
  if (row.image === 'equal' && isComplete(row)) return { kind: 'image', why: '' }
  if (row.old === 'equal') return { kind: 'old-row', why: '' }
  if (row.witness?.found === 'equal')
    return wasThere(row, end)
      ? { kind: 'witness', why: '' }
      : unproven('it was seen before the copy’s end, and nothing says that it was not deleted in between')
  if (row.image === undefined) return unproven('neither a witness nor the archive ever saw it')
  return unproven('the archive does not tell of all its columns')
}

/**
 * What a row held proves nothing of a row that should be gone: it was seen after the copy's end, or the archive, which
 * carries its deletion too, tells of none since it was seen.
 */
const wasThere = ({ facts, witness, image, settled }: Row, end: Lsn | undefined) =>
  image !== undefined ||
  (end !== undefined && witness !== undefined && witness.lsn >= end) ||
  (facts.archived && settled)

/** Columns that the archive could not tell of hold what they must: a generated one its expression, a new one its default. */
function isComplete(row: Row): boolean {
  return [...row.open].every(at => row.absent.has(at) && row.otherwise[at] === 't')
}

/** Whether the version was not written after the change that the archive tells of, as far as its id can say. */
function isOlder({ xmin, imageXid }: Row): boolean {
  return xmin < 3 || imageXid === undefined || (imageXid - xmin + 2 ** 32) % 2 ** 32 < 2 ** 31
}

const corrupt = (why: string): Judged => ({ kind: 'corrupt', why })
const unproven = (why: string): Judged => ({ kind: 'unproven', why })
