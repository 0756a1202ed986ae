import { createHash } from 'node:crypto'
import { stripTypeScriptTypes } from 'node:module'

// jest loads modules itself and so bypasses Node's own type stripping; this hands each file to the same stripper.
export default {
  process: source => ({ code: stripTypeScriptTypes(source) }),
  getCacheKey: source => createHash('sha256').update(process.version).update(source).digest('hex'),
}
