import { fileURLToPath } from 'node:url'

/** The folder of the numbered SQL files: beside this file in the source, beside the bundle in a function. */
export const MIGRATIONS = fileURLToPath(new URL('./migrations/', import.meta.url))
