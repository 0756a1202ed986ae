/** GiB of a `large` instance by family ("DB instance classes", hardware specifications). */
const GIB_OF_LARGE: readonly (readonly [RegExp, number])[] = [
  [/^t\d/, 8],
  [/^m\d/, 8],
  [/^c\d/, 4],
  [/^r\d/, 16],
  [/^x2g/, 32],
]

/** Sizes below `large`, as shares of it. */
const SMALL: Readonly<Record<string, number>> = {
  micro: 1 / 8,
  small: 1 / 4,
  medium: 1 / 2,
  large: 1,
  xlarge: 2,
}

/** Memory of a class such as `db.r6g.2xlarge` in bytes; undefined for a family that the twin does not know. */
export function classMemory(instanceClass: string): number | undefined {
  const [, family = '', size = ''] = /^db\.([a-z0-9]+)\.([a-z0-9]+)$/.exec(instanceClass) ?? []
  const large = GIB_OF_LARGE.find(([pattern]) => pattern.test(family))?.[1]
  const share = SMALL[size] ?? (/^\d+xlarge$/.test(size) ? 2 * Number.parseInt(size, 10) : undefined)
  return large === undefined || share === undefined ? undefined : large * share * 1024 ** 3
}
