import type { SealedEvidence } from '../../runtime/evidence/record.ts'
import { escapeHtml } from './escape.ts'
import type { Summary } from './summary.ts'

/** The page that a person reads, one file without outside resources. @param history the drills before this one, oldest first */
export function renderReport(sealed: SealedEvidence, history: readonly Summary[]): string {
  return `<!doctype html><title>${escapeHtml(sealed.evidence.drill)}</title><h1>${escapeHtml(sealed.evidence.sentence)}</h1><p>${history.length}</p>`
}
