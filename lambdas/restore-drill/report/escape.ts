import { legible } from '../../runtime/legible.ts'

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

/**
 * Text as HTML shows it, in content and in quoted attributes: nothing from a database becomes markup, or stays unseen
 * or turns the text around it.
 */
export function escapeHtml(value: unknown): string {
  return legible(String(value)).replace(/[&<>"']/g, character => ENTITIES[character] ?? '')
}
