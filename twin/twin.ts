import { rmSync, writeFileSync } from 'node:fs'
import { type Composition, composeServices } from './compose.ts'
import { startControl, type Verb } from './control/server.ts'
import { type Assembly, readAssembly } from './deploy/assembly.ts'
import { Deployer, type TypeCount } from './deploy/deployer.ts'
import { provisioners } from './deploy/provisioners.ts'
import type { TwinOptions } from './options.ts'
import { openLog } from './state/log.ts'
import { startListener } from './wire/listener.ts'

/** How others reach a live twin: the content of `endpoint.json`. */
export type TwinEndpoint = {
  readonly endpoint: string
  readonly control: string
  readonly pid: number
  readonly account: string
  readonly regions: readonly string[]
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string }
  /** PEM file of the authority behind the databases' certificates. */
  readonly caFile: string
  /** How it was started; only another start changes that. */
  readonly started: Pick<TwinOptions, 'noIam' | 'lag'>
}

/** A running twin. */
export type Twin = {
  readonly address: TwinEndpoint
  deploy(assembly: Assembly, say: (text: string) => void): Promise<TypeCount[]>
  stop(): Promise<void>
}

/** Starts a twin on its folder: what an earlier life of it had is there again, and goes on. */
export async function startTwin(options: TwinOptions, onStop: () => void = () => {}): Promise<Twin> {
  const { folder, account, regions } = options
  const log = openLog(folder.log)
  const composition = await composeServices(options, log)
  const { identities, authorizer, faults } = composition
  const listener = await startListener({
    services: composition.services,
    account,
    identities,
    authorize: (call, questions) => authorizer.authorize(call, questions),
    faults,
    log: record => {
      if (record.status >= 400 || record.status === 0)
        log(
          `${record.service}:${record.operation} ${record.region} ${record.status} ${record.code ?? ''} ${record.message ?? ''} (${record.caller})`,
        )
    },
    onBug: (error, call) => log(`bug in ${call}: ${error instanceof Error ? error.stack : error}`),
  })
  composition.setEndpoint(listener.url)
  await composition.resume()
  const deployer = deployerOf(composition, log)
  const deploy: Twin['deploy'] = (assembly, say) => {
    refuseForeign(assembly, account)
    return deployer(say).deploy(assembly)
  }
  const root = identities.root()
  const control = await startControl(
    { ...verbsOf(composition, deploy), stop: () => setImmediate(onStop) && null },
    root.secretAccessKey,
  )
  const address: TwinEndpoint = {
    endpoint: listener.url,
    control: control.url,
    pid: process.pid,
    account,
    regions,
    credentials: { accessKeyId: root.principal.accessKeyId, secretAccessKey: root.secretAccessKey },
    caFile: composition.caFile,
    started: { noIam: options.noIam, lag: options.lag },
  }
  writeFileSync(folder.endpoint, JSON.stringify(address, null, 2), { mode: 0o600 })
  log(`up: process ${process.pid}, ${listener.url}`)
  return {
    address,
    deploy,
    stop: async () => {
      rmSync(folder.endpoint, { force: true })
      await control.close()
      await composition.stop()
      await listener.close()
      log('down')
    },
  }
}

function deployerOf(composition: Composition, log: (text: string) => void) {
  return (tell: (text: string) => void) => {
    const say = (text: string) => {
      log(text)
      tell(text)
    }
    return new Deployer({
      provisioners: provisioners(composition),
      resources: composition.resources,
      stacks: composition.stacks,
      dynamic: (...reference) => composition.dynamic(...reference, say),
      say,
      clock: composition.clock,
    })
  }
}

function refuseForeign(assembly: Assembly, account: string): void {
  for (const stack of assembly.stacks)
    if (stack.account !== account)
      throw new Error(
        `stack ${stack.name} is for account ${stack.account}, this twin is account ${account}\nHINT: reset the twin, or bring up the environment that it was made for`,
      )
}

function verbsOf(composition: Composition, deploy: Twin['deploy']): Record<string, Verb> {
  return {
    deploy: async ({ directory, only }: { directory: string; only?: string[] }, say) =>
      deploy(selectStacks(readAssembly(directory), only ?? []), say),
    status: () => composition.status(),
    // What CloudFormation's DescribeStacks tells on AWS.
    outputs: ({ region, stack }: { region: string; stack: string }) =>
      composition.stacks.get(`${region}/${stack}`)?.outputs ?? {},
    ...composition.verbs,
  }
}

/** The stacks whose name ends in one of `only`, with those that they depend on; all of them for none. */
function selectStacks(assembly: Assembly, only: readonly string[]): Assembly {
  if (only.length === 0) return assembly
  const wanted = new Set<string>()
  const want = (name: string) => {
    if (wanted.has(name)) return
    wanted.add(name)
    for (const stack of assembly.stacks)
      if (stack.name === name) for (const other of stack.dependencies) want(other)
  }
  for (const word of only) {
    const matching = assembly.stacks.filter(({ name }) => name === word || name.endsWith(`-${word}`))
    if (matching.length === 0)
      throw new Error(
        `no stack is called ${word}\nHINT: the assembly has ${assembly.stacks.map(({ name }) => name).join(', ')}`,
      )
    for (const { name } of matching) want(name)
  }
  return { ...assembly, stacks: assembly.stacks.filter(({ name }) => wanted.has(name)) }
}
