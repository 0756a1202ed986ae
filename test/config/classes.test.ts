import { expect, test } from '@jest/globals'
import { INSTANCE_CLASSES, instanceClass, maxConnections, slotWalLimit } from '../../config/classes.ts'

test.each([
  ['t3.micro', 2, 1, 0.5],
  ['t3.medium', 2, 4, 2],
  ['t4g.large', 2, 8, 4],
  ['t4g.2xlarge', 8, 32, 16],
  ['m6g.large', 2, 8, 4],
  ['r6g.xlarge', 4, 32, 8],
  ['r5.24xlarge', 96, 768, 192],
  ['r8g.48xlarge', 192, 1_536, 384],
])('knows that %s has %i vCPUs, %i GiB and %p normalized units', (name, vcpus, memoryGiB, units) => {
  expect(instanceClass(name)).toMatchObject({ vcpus, memoryGiB, units })
})

test('knows what the network and the disks of a class sustain', () => {
  expect(instanceClass('r6g.xlarge')).toMatchObject({ ebsMbps: 1_188, ebsIops: 6_000, networkMbps: 1_250 })
})

test('has no class with a hole in it', () => {
  for (const facts of INSTANCE_CLASSES.values())
    for (const value of Object.values(facts)) expect(Number.isNaN(value) || value === undefined).toBe(false)
})

test('refuses to guess about a class it does not know', () => {
  expect(() => instanceClass('r6g.huge')).toThrow('no facts about instance class "r6g.huge"')
})

test.each([
  ['t3.micro', 101],
  ['t3.medium', 405],
  ['r6g.xlarge', 3_244],
  ['r6g.4xlarge', 5_000],
])('lets %s hold %i connections', (name, connections) => {
  expect(maxConnections(name)).toBe(connections)
})

test('keeps a slot from filling more than a fifth of the disk', () => {
  expect(slotWalLimit({ size: 200 })).toBe(40_960)
  expect(slotWalLimit({ size: 20 })).toBe(4_096)
})
