import { TABLES } from './changes.ts'
import { accusesNobody } from './lab.ts'

for (const version of [18, 17] as const) accusesNobody(version, TABLES)
