import { expect, test } from '@jest/globals'
import { isInBackupWindow, isInMaintenanceWindow } from '../../../twin/services/rds/windows.ts'

const at = (text: string) => Date.parse(`${text}Z`)

test.each([
  ['04:00-04:30', '2026-11-20T03:59', false],
  ['04:00-04:30', '2026-11-20T04:00', true],
  ['04:00-04:30', '2026-11-20T04:29', true],
  ['04:00-04:30', '2026-11-20T04:30', false],
  ['23:45-00:15', '2026-11-20T23:50', true],
  ['23:45-00:15', '2026-11-20T00:10', true],
  ['23:45-00:15', '2026-11-20T12:00', false],
])('the backup window %s at %s: %s', (window, text, expected) => {
  expect(isInBackupWindow(window, at(text))).toBe(expected)
})

test.each([
  ['sun:04:00-sun:04:30', '2026-11-22T04:10', true],
  ['sun:04:00-sun:04:30', '2026-11-20T04:10', false],
  ['sat:23:45-sun:00:15', '2026-11-22T00:10', true],
  ['sat:23:45-sun:00:15', '2026-11-21T23:50', true],
  ['sat:23:45-sun:00:15', '2026-11-23T00:10', false],
])('the maintenance window %s at %s: %s', (window, text, expected) => {
  expect(isInMaintenanceWindow(window, at(text))).toBe(expected)
})
