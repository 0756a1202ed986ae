import type { Event } from '@aws-sdk/client-lambda'
import { expect, test } from '@jest/globals'
import { readHistory } from '../../../bin/drill/follow.ts'

const at = (seconds: number) => new Date(Date.UTC(2026, 10, 20, 14, 0, seconds))
const stage = (
  EventType: 'ContextStarted' | 'ContextSucceeded',
  Id: string,
  Name: string,
  seconds: number,
): Event => ({
  EventType,
  SubType: 'RunInChildContext',
  Id,
  Name,
  EventTimestamp: at(seconds),
})

test('stages are told in order, the running one without an end', () => {
  const stages = readHistory([
    { EventType: 'ExecutionStarted', Id: 'e', EventTimestamp: at(0) },
    { EventType: 'StepStarted', SubType: 'Step', Id: 's', Name: 'began', EventTimestamp: at(0) },
    stage('ContextStarted', 'a', 'plan', 1),
    { ...stage('ContextStarted', 'x', 'inner', 1), ParentId: 'a' },
    stage('ContextSucceeded', 'a', 'plan', 3),
    stage('ContextStarted', 'b', 'hold', 3),
  ])
  expect(stages).toEqual([
    { name: 'plan', startedAt: at(1), endedAt: at(3) },
    { name: 'hold', startedAt: at(3) },
  ])
})

test('batches are counted in the stage that they belong to, whatever runs beside it', () => {
  const batch = (EventType: 'ContextStarted' | 'ContextSucceeded', Id: string): Event => ({
    EventType,
    SubType: 'MapIteration',
    Id,
    ParentId: 'm',
    EventTimestamp: at(2),
  })
  const stages = readHistory([
    stage('ContextStarted', 'a', 'compare', 1),
    stage('ContextStarted', 'b', 'structure', 1),
    {
      EventType: 'ContextStarted',
      SubType: 'Map',
      Id: 'm',
      Name: 'batch',
      ParentId: 'a',
      EventTimestamp: at(1),
    },
    batch('ContextStarted', 'm1'),
    batch('ContextStarted', 'm2'),
    batch('ContextSucceeded', 'm1'),
  ])
  expect(stages).toEqual([
    { name: 'compare', startedAt: at(1), batches: { done: 1, all: 2 } },
    { name: 'structure', startedAt: at(1) },
  ])
})
