import { expect, test } from '@jest/globals'
import { openLab } from '../../../bench/lab.ts'
import { openWorkload, prepareWorkload, runRound } from '../../../bench/rounds.ts'

test('drills under write load raise no false alarm and miss no damage', async () => {
  const lab = await openLab(18)
  try {
    await prepareWorkload(lab.primary)
    const backup = await lab.backup()
    const load = await openWorkload(lab)
    try {
      const rounds = []
      for (const damage of [false, true, false, false]) rounds.push(await runRound(lab, backup, damage))
      expect(rounds.flatMap(round => round.red)).toEqual([])
      expect(rounds.filter(round => round.missed)).toEqual([])
      // A load that wrote nothing would prove nothing.
      const account = rounds.at(-1)?.tables.find(table => table.table === 'public.account')
      expect(account?.changedSince).toBeGreaterThan(0)
      expect(account?.equal).toBeGreaterThan(1000)
    } finally {
      await load.stop()
    }
  } finally {
    await lab.close()
  }
}, 180_000)
