import { PassThrough } from 'node:stream'
import { expect, test } from '@jest/globals'
import { Progress } from '../../bin/terminal.ts'

function said(isTTY: boolean, work: (progress: Progress) => void): string {
  const stream = Object.assign(new PassThrough({ encoding: 'utf8' }), { isTTY })
  work(new Progress(stream as unknown as NodeJS.WriteStream))
  return stream.read() ?? ''
}

const tick = (progress: Progress) => {
  for (let second = 0; second < 3; second++) progress.say(`${second} s  it is creating`, 'it is creating')
  progress.say('3 s  it is there', 'it is there')
}

test('tells a step that lasts once where every text is a line', () => {
  expect(said(false, tick)).toBe('0 s  it is creating\n3 s  it is there\n')
})

test('rewrites the line with each second on a terminal', () => {
  expect(said(true, tick)).toBe(
    '\r\u001b[2K0 s  it is creating\r\u001b[2K1 s  it is creating\r\u001b[2K2 s  it is creating\r\u001b[2K3 s  it is there',
  )
})
