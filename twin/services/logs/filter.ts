import { WireError } from '../../wire/call.ts'

const TERM = /([-?]?)(?:"((?:[^"\\]|\\.)*)"|(\S+))/g

/**
 * Reads a filter pattern of unstructured logs: every plain term must be in the line, no `-term` may be, and of `?terms`
 * one must. Patterns over JSON fields (`{ $.a = 1 }`) are refused by name.
 */
export function readFilter(pattern: string): (line: string) => boolean {
  const text = pattern.trim()
  if (text.startsWith('{') || text.startsWith('[')) {
    throw new WireError(
      'InvalidParameterException',
      `the twin's logs do not have the filter pattern ${pattern}`,
    )
  }
  const terms = [...text.matchAll(TERM)].map(([, sign = '', quoted, plain]) => ({
    sign,
    word: quoted?.replace(/\\(.)/g, '$1') ?? plain ?? '',
  }))
  const must = terms.filter(({ sign }) => sign === '')
  const mustNot = terms.filter(({ sign }) => sign === '-')
  const any = terms.filter(({ sign }) => sign === '?')
  return line =>
    must.every(({ word }) => line.includes(word)) &&
    !mustNot.some(({ word }) => line.includes(word)) &&
    (any.length === 0 || any.some(({ word }) => line.includes(word)))
}
