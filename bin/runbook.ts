import { readFileSync, writeFileSync } from 'node:fs'
import { parseConfig } from '../config/parse.ts'
import { prod } from '../config/prod.ts'
import { articleFacts, writeFacts } from '../lib/alarms/runbook.ts'

const FILE = new URL('../docs/runbook.md', import.meta.url)

// One function stands for all: their bounds differ by their timeout alone.
const facts = articleFacts(parseConfig(prod), [{ verb: 'migrate', timeout: 900 }])
writeFileSync(FILE, writeFacts(readFileSync(FILE, 'utf8'), facts))
