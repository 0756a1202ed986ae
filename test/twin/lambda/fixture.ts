import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { FunctionSettings } from '../../../twin/lambda/functions.ts'

/** An empty folder of this test's own, and its removal. */
export function temporaryFolder(): { path: string; remove: () => void } {
  const path = mkdtempSync(join(tmpdir(), 'holdfast-lambda-'))
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) }
}

/** An asset folder with `source` as `index.mjs`. */
export function assetOf(folder: string, source: string, name = 'asset'): string {
  const asset = join(folder, name)
  mkdirSync(asset, { recursive: true })
  writeFileSync(join(asset, 'index.mjs'), source)
  return asset
}

export const SETTINGS: FunctionSettings = {
  runtime: 'nodejs24.x',
  handler: 'index.handler',
  role: 'arn:aws:iam::111111111111:role/test',
  timeout: 10,
  memorySize: 256,
  environment: { GREETING: 'hello', NODE_EXTRA_CA_CERTS: '/var/runtime/ca-cert.pem' },
  description: '',
  architectures: ['arm64'],
  logGroup: '/aws/lambda/test',
  loggingFormat: 'Text',
}

export const KEY = { region: 'us-east-1', account: '111111111111', name: 'test' }

/** Polls until `look` answers something, at most `seconds`. */
export async function until<T>(look: () => T | undefined | Promise<T | undefined>, seconds = 60): Promise<T> {
  const end = Date.now() + seconds * 1_000
  for (;;) {
    const seen = await look()
    if (seen !== undefined && seen !== false) return seen
    if (Date.now() > end) throw new Error(`nothing came within ${seconds} s of ${look}`)
    await new Promise(resolve => setTimeout(resolve, 20))
  }
}

/** Whether a process of that id is there. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
