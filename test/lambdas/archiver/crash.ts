import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { BUCKET, type Rig } from './rig.ts'

/** A place in the archiver's protocol, named by the request that it makes there. */
export type Stall = {
  readonly method: 'PUT' | 'GET' | 'POST'
  /** Of the request line, after the method. */
  readonly path: RegExp
  /** `request`: it never reaches S3; `half`: S3 gets its beginning; `answer`: S3 has done it and the answer is lost. */
  readonly what: 'request' | 'half' | 'answer'
}

/** A wire between an archiver and S3 that stops at one place for good. */
export async function openWire(target: string, stall?: Stall) {
  const { hostname, port } = new URL(target)
  const reached = Promise.withResolvers<void>()
  const sockets = new Set<Socket>()
  const server = createServer(client => {
    const upstream = connect(Number(port), hostname)
    for (const socket of [client, upstream]) {
      sockets.add(socket)
      socket.on('error', () => socket.destroy())
      socket.on('close', () => {
        sockets.delete(socket)
        client.destroy()
        upstream.destroy()
      })
    }
    let deaf = false
    client.on('data', chunk => {
      const line = chunk.subarray(0, 400).toString('latin1').split('\r\n')[0] ?? ''
      const [method, path] = line.split(' ')
      if (!deaf && stall && method === stall.method && stall.path.test(path ?? '')) {
        deaf = true
        if (stall.what === 'half') upstream.write(chunk.subarray(0, Math.max(1, chunk.length - 20)))
        if (stall.what !== 'answer') reached.resolve()
      }
      if (!deaf || stall?.what === 'answer') upstream.write(chunk)
    })
    upstream.on('data', chunk => {
      if (deaf) reached.resolve()
      else client.write(chunk)
    })
  })
  // The other loopback address with the same port: the listener answers only what names a loopback and its own port.
  server.listen(Number(port), '::1')
  await once(server, 'listening')
  return {
    url: `http://[::1]:${port}`,
    reached: reached.promise,
    close: async () => {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}

/** The archiver as a process. `line` resolves with each line that it prints. */
export async function startArchiver(rig: Rig, url: string, seconds = 0) {
  const { socket: host, port } = rig.lab.primary.cluster
  const credentials = await rig.destination.s3.config.credentials()
  const child: ChildProcess = spawn(
    process.execPath,
    [
      fileURLToPath(new URL('./child.ts', import.meta.url)),
      JSON.stringify({ host, port, url, credentials, bucket: BUCKET, seconds }),
    ],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  )
  let errors = ''
  child.stderr?.on('data', text => {
    errors += text
  })
  const lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]()
  const exited = once(child, 'exit')
  return {
    line: async () => {
      const { value, done } = await lines.next()
      if (done) throw new Error(`the archiver ended: ${errors}`)
      return value as string
    },
    kill: async () => {
      child.kill('SIGKILL')
      await exited
    },
  }
}

/** Waits until the server has noticed that the killed archiver's sessions are gone. */
export async function untilAlone(rig: Rig): Promise<void> {
  for (;;) {
    const row = await rig.lab.primary.one<{ alone: boolean }>(
      "select count(*) = 0 as alone from pg_stat_activity where usename = 'holdfast_archiver'",
    )
    if (row.alone) return
    await new Promise(resolve => setTimeout(resolve, 20))
  }
}
