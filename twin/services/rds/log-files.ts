import { closeSync, existsSync, openSync, readSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type * as rdsTypes from '@aws-sdk/client-rds'
import { type Call, type Operation, WireError } from '../../wire/call.ts'
import { clusterFolder } from './configuration.ts'
import { findInstance, type Rds } from './context.ts'
import { onInstance } from './questions.ts'

/** The twin writes one log per instance. */
const NAME = 'error/postgresql.log'
const PORTION_BYTES = 1_000_000

const fileOf = (rds: Rds, call: Call, identifier: string | undefined) =>
  join(clusterFolder(rds, findInstance(rds, call.region, identifier ?? '').resourceId), 'postgresql.log')

function download(rds: Rds, input: rdsTypes.DownloadDBLogFilePortionMessage, call: Call) {
  const file = fileOf(rds, call, input.DBInstanceIdentifier)
  if (input.LogFileName !== NAME || !existsSync(file))
    throw new WireError('DBLogFileNotFoundFault', `Log file ${input.LogFileName} not found.`, 404)
  const from = Number(input.Marker ?? 0)
  if (!Number.isInteger(from) || from < 0)
    throw new WireError('InvalidParameterValue', `Invalid Marker: ${input.Marker}`)
  const bytes = Buffer.alloc(PORTION_BYTES)
  const handle = openSync(file, 'r')
  try {
    const length = readSync(handle, bytes, 0, PORTION_BYTES, from)
    return {
      LogFileData: bytes.subarray(0, length).toString('utf8'),
      Marker: String(from + length),
      AdditionalDataPending: from + length < statSync(file).size,
    }
  } finally {
    closeSync(handle)
  }
}

/** PostgreSQL's own log of an instance. */
export function logFileOperations(rds: Rds): Record<string, Operation> {
  return {
    DescribeDBLogFiles: {
      questions: (input: rdsTypes.DescribeDBLogFilesMessage, call) =>
        onInstance(rds, 'DescribeDBLogFiles', call.region, input.DBInstanceIdentifier),
      run: (input: rdsTypes.DescribeDBLogFilesMessage, call) => {
        const file = fileOf(rds, call, input.DBInstanceIdentifier)
        const isWanted =
          existsSync(file) &&
          NAME.includes(input.FilenameContains ?? '') &&
          statSync(file).size >= (input.FileSize ?? 0)
        return {
          DescribeDBLogFiles: isWanted
            ? [
                {
                  LogFileName: NAME,
                  LastWritten: Math.floor(statSync(file).mtimeMs),
                  Size: statSync(file).size,
                },
              ]
            : [],
        }
      },
    },
    DownloadDBLogFilePortion: {
      questions: (input: rdsTypes.DownloadDBLogFilePortionMessage, call) =>
        onInstance(rds, 'DownloadDBLogFilePortion', call.region, input.DBInstanceIdentifier),
      run: (input: rdsTypes.DownloadDBLogFilePortionMessage, call) => download(rds, input, call),
    },
  }
}
