/** A failure mode that is drilled, and the region whose chain holds its evidence. */
export type Drilled = { readonly mode: string; readonly region: string }

/** How old each proof is, in seconds. `undefined` where the region has nothing to say about it. */
export type Ages = {
  /** Since the newest passed drill of each mode began; since the epoch when none ever passed. */
  readonly proofs: Readonly<Record<string, number>>
  /** Since the newest drill with a fault put into its copy. */
  readonly control?: number
  readonly segment?: number
  readonly restorable?: number
  /** Since the database was made. */
  readonly database?: number
}
