import { Refusal } from '../runtime/failure.ts'
import type { Shelf } from '../runtime/witness/store.ts'
import { assertions } from './assertions.ts'
import { canaries } from './canaries.ts'
import { compare } from './compare.ts'
import { contents } from './contents/contents.ts'
import { witness } from './contents/witness.ts'
import { cut } from './cut.ts'
import { databases } from './databases/databases.ts'
import { fault } from './fault.ts'
import { refuseByName } from './guard.ts'
import { identify } from './identify.ts'
import { mark } from './mark.ts'
import { open } from './open.ts'
import { plan } from './plan.ts'
import { quarantine } from './quarantine.ts'
import type { ExamineRequest, Tasks } from './request.ts'
import type { Side, Sides } from './side.ts'
import { structure } from './structure.ts'

/**
 * Does one task. Only `fault` and `quarantine` change anything, in a proven copy; `canaries` and the copy's proof
 * write sentinels into Holdfast's own table on the primary.
 */
export function examine(
  request: ExamineRequest,
  sides: Sides,
  keep?: Keep,
): Promise<Tasks[ExamineRequest['task']]['answer']> {
  const primary = () => need(sides.primary, 'primary')
  const copy = () => need(sides.copy, 'copy')
  const both = () => {
    refuseByName(copy().endpoint, primary().endpoint)
    return { primary: primary(), copy: copy() }
  }
  switch (request.task) {
    case 'canaries':
      return canaries(request, primary())
    case 'mark':
      return mark(request, primary())
    case 'open':
      refuseByName(copy().endpoint, undefined)
      return open(request, { ...sides, copy: copy() })
    case 'quarantine':
      return quarantine(request, { ...sides, copy: copy() })
    case 'identify':
      return identify(request, { ...sides, copy: copy() })
    case 'cut':
      return cut(request, { ...sides, copy: copy() })
    case 'structure':
      return structure(request, { ...sides, copy: copy() })
    case 'databases':
      return databases(request, { ...sides, copy: copy() })
    case 'plan':
      return plan(request, both())
    case 'compare':
      return compare(request, both())
    case 'witness':
      return witness(request, primary(), shelf(keep), keep?.code ?? '')
    case 'contents':
      return contents(request, both(), shelf(keep))
    case 'assertions':
      refuseByName(copy().endpoint, undefined)
      return assertions(request, { ...sides, copy: copy() })
    case 'fault':
      return fault(request, both())
  }
}

/** Where the archive and the witness are, and the version of this code. */
export type Keep = { readonly shelf?: Shelf; readonly code: string }

function shelf(keep: Keep | undefined): Shelf {
  if (keep?.shelf) return keep.shelf
  throw new Refusal(
    'NoArchive',
    'there is no archive here, and so no witness',
    'enable the archive in the environment, or ask in its home region',
  )
}

function need(side: Side | undefined, name: string): Side {
  if (side) return side
  throw new Refusal('BadExamineRequest', `the request names no ${name}`, `give the ${name}'s endpoint`)
}
