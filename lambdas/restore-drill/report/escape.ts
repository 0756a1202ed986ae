const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

/** Text as HTML shows it, in content and in quoted attributes: nothing from a database becomes markup. */
export function escapeHtml(value: unknown): string {
  return String(value).replace(/[&<>"']/g, character => ENTITIES[character] ?? '')
}
