export const ENV = { code: 'HOLDFAST_CODE' } as const

/** The database user, on the primary and in every copy. */
export const USER = 'holdfast_examine'
