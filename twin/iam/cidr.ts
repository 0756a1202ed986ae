import { BlockList, isIP } from 'node:net'
import { asText } from './wildcard.ts'

/** Whether an address lies in a CIDR block or is the address; false for what is neither. */
export function matchesCidr(address: string, block: string): boolean {
  const [network = '', prefix] = asText(block).split('/')
  const family = isIP(network)
  if (family === 0 || isIP(address) !== family) return false
  const type = family === 4 ? 'ipv4' : 'ipv6'
  const list = new BlockList()
  const bits = prefix === undefined ? (family === 4 ? 32 : 128) : Number(prefix)
  list.addSubnet(network, bits, type)
  return list.check(address, type)
}
