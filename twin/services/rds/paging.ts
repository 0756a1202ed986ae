import { WireError } from '../../wire/call.ts'

type Paged = { readonly Marker?: string; readonly MaxRecords?: number }

/** One page of items in their stable order, and the marker of the next one. @throws InvalidParameterValue */
export function page<T>(
  items: readonly T[],
  input: Paged,
  keyOf: (item: T) => string,
  most = 100,
): { readonly items: T[]; readonly Marker: string | undefined } {
  const size = input.MaxRecords ?? most
  if (!Number.isInteger(size) || size < 20 || size > most)
    throw new WireError(
      'InvalidParameterValue',
      `Invalid value ${size} for MaxRecords. Must be between 20 and ${most}`,
    )
  const after = input.Marker === undefined ? undefined : readMarker(input.Marker)
  const start = after === undefined ? 0 : items.findIndex(item => keyOf(item) > after)
  if (start < 0) return { items: [], Marker: undefined }
  const chosen = items.slice(start, start + size)
  const last = chosen.at(-1)
  const isMore = start + size < items.length
  return {
    items: chosen,
    Marker: isMore && last ? Buffer.from(`1 ${keyOf(last)}`).toString('base64url') : undefined,
  }
}

function readMarker(marker: string): string {
  const text = Buffer.from(marker, 'base64url').toString('utf8')
  if (!text.startsWith('1 ')) throw new WireError('InvalidParameterValue', `Invalid Marker: ${marker}`)
  return text.slice(2)
}

type Filter = { readonly Name?: string; readonly Values?: readonly (string | undefined)[] }

/** Keeps items for which each filter has a matching value. @throws InvalidParameterValue for a filter of another name */
export function filter<T>(
  items: readonly T[],
  filters: readonly Filter[] | undefined,
  readers: Readonly<Record<string, (item: T) => readonly (string | undefined)[]>>,
): T[] {
  return (filters ?? []).reduce<T[]>(
    (kept, { Name = '', Values = [] }) => {
      const read = readers[Name]
      if (!read) throw new WireError('InvalidParameterValue', `Unrecognized filter name: ${Name}`)
      if (Values.length === 0) throw new WireError('InvalidParameterValue', `Filter ${Name} has no values.`)
      const wanted = new Set(Values.map(value => value?.toLowerCase()))
      return kept.filter(item =>
        read(item).some(value => value !== undefined && wanted.has(value.toLowerCase())),
      )
    },
    [...items],
  )
}
