import net from 'node:net'

// Loaded before a program that must work without a network: whatever opens a connection ends it, by name.
net.Socket.prototype.connect = function refuse(...target: unknown[]): never {
  throw new Error(`a synth opened a connection to ${JSON.stringify(target[0])}`)
}
