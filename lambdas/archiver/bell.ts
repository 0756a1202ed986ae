import type pg from 'pg'
import { BELL } from './names.ts'

/** Lets somebody who waits for the archive cut a pause short. */
export type Bell = {
  /** Resolves after so many milliseconds, or at once when somebody has rung since the last time. */
  readonly wait: (ms: number) => Promise<void>
}

/** Listens on a connection for `notify` on the archive's channel, which every role may say. */
export async function openBell(client: pg.Client): Promise<Bell> {
  let rung = Promise.withResolvers<void>()
  client.on('notification', () => rung.resolve())
  await client.query(`listen ${BELL}`)
  return {
    wait: async ms => {
      const timer = setTimeout(rung.resolve, ms)
      await rung.promise
      clearTimeout(timer)
      rung = Promise.withResolvers()
    },
  }
}
