/**
 * How the network of a region is cut: bits that each kind of subnet adds to the network's prefix. Sixteenths leave
 * room for three zones of both kinds and for what a later release may need; gateways need next to nothing.
 */
export const SUBNET_BITS = { data: 4, services: 4, public: 8 } as const

/** AWS's smallest subnet is a /28. */
export const LONGEST_SUBNET = 28
