import type { Clients, Scene } from './scene.ts'

/** What a thief of a role's key tries: its name, and the call. `region` is the home region unless it says `AWAY`. */
export type Attack = {
  readonly what: string
  readonly away?: boolean
  /** The name of the error that stops it, where something else than IAM may stand in the way. */
  readonly stoppedBy?: RegExp
  readonly strike: (as: Clients, scene: Scene) => Promise<unknown>
}

/** An attack in the home region. */
export const attack = (what: string, strike: Attack['strike'], stoppedBy?: RegExp): Attack => ({
  what,
  strike,
  ...(stoppedBy && { stoppedBy }),
})
