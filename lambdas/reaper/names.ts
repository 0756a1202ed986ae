export const ENV = {
  name: 'HOLDFAST_NAME',
  source: 'SOURCE_INSTANCE',
} as const

export const METRICS = { reaped: 'DrillCopiesReaped', overdue: 'DrillCopiesOverdue' } as const
