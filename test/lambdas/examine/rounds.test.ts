import { expect, test } from '@jest/globals'
import { openArchiveLab } from '../../../bench/archive-lab.ts'
import { openWorkload, prepareBackups, prepareWorkload, runRound } from '../../../bench/rounds.ts'

test('drills under write load raise no false alarm and miss no damage', async () => {
  const archive = await openArchiveLab()
  const { lab } = archive
  try {
    await archive.run()
    await prepareWorkload(lab.primary)
    const backups = await prepareBackups(lab)
    const load = await openWorkload(lab)
    try {
      const rounds = []
      for (const fault of [undefined, 'row-deleted', 'tail-row-updated', undefined] as const)
        rounds.push(await runRound(archive, backups, fault))
      expect(rounds.flatMap(round => round.red)).toEqual([])
      expect(rounds.map(round => round.caught?.name)).toEqual([
        undefined,
        'compare.table.public.account',
        'contents.table.public.account',
        undefined,
      ])
      // A load that wrote nothing would prove nothing.
      const account = rounds.at(-1)?.tables.find(table => table.table === 'public.account')
      expect(account?.changedSince).toBeGreaterThan(0)
      expect(account?.equal).toBeGreaterThan(1000)
    } finally {
      await load.stop()
      await backups.other.lab.close()
    }
  } finally {
    await archive.close()
  }
}, 600_000)
