// The certificate library's container asks for decorators' metadata when it is imported: this import comes first.
import 'reflect-metadata'
import { createPrivateKey, randomBytes, webcrypto, X509Certificate } from 'node:crypto'
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as x509 from '@peculiar/x509'
import { makePrivateFolder } from './account.ts'

/** A certificate for a server, with its key and the authority that signed it. PEM. */
export type ServerCertificate = { readonly cert: string; readonly key: string; readonly ca: string }

export type Authority = {
  /** The authority's certificate (PEM): what clients trust, as `NODE_EXTRA_CA_CERTS`. */
  readonly caFile: string
  /** For loopback and, so that a client may verify a name, for the hosts of RDS instances in these regions. */
  readonly server: ServerCertificate
}

const KEYS = { name: 'ECDSA', namedCurve: 'P-256' }
const SIGNING = { name: 'ECDSA', hash: 'SHA-256' }
const CA_YEARS = 10
const SERVER_DAYS = 365
/** A certificate that ends sooner is made anew when the twin starts. */
const RENEW_BEFORE_DAYS = 30
const DAY_MS = 86_400_000

/**
 * The twin's own certificate authority in `folder`, made there the first time, and a server certificate valid for
 * `127.0.0.1`, `::1`, `localhost` and `*.<region>.rds.amazonaws.com`.
 */
export async function openAuthority(folder: string, regions: readonly string[]): Promise<Authority> {
  makePrivateFolder(folder)
  const caFile = join(folder, 'ca.pem')
  if (!existsSync(caFile)) await makeCa(folder)
  const ca = readFileSync(caFile, 'utf8')
  const names = [
    'localhost',
    ...regions.flatMap(region => [
      `*.${region}.rds.amazonaws.com`,
      `*.proxy-twin.${region}.rds.amazonaws.com`,
    ]),
  ]
  if (!isUsable(join(folder, 'server.pem'), names)) await makeServer(folder, ca, names)
  return {
    caFile,
    server: {
      ca,
      cert: readFileSync(join(folder, 'server.pem'), 'utf8'),
      key: readFileSync(join(folder, 'server-key.pem'), 'utf8'),
    },
  }
}

function isUsable(file: string, names: readonly string[]): boolean {
  if (!existsSync(file)) return false
  const certificate = new X509Certificate(readFileSync(file))
  const lasts = Date.parse(certificate.validTo) - Date.now() > RENEW_BEFORE_DAYS * DAY_MS
  return lasts && names.every(name => certificate.subjectAltName?.includes(`DNS:${name}`))
}

async function makeCa(folder: string): Promise<void> {
  const keys = await webcrypto.subtle.generateKey(KEYS, true, ['sign', 'verify'])
  const now = Date.now()
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: randomBytes(16).toString('hex'),
    name: 'CN=Holdfast twin authority',
    notBefore: new Date(now - DAY_MS),
    notAfter: new Date(now + CA_YEARS * 365 * DAY_MS),
    keys,
    signingAlgorithm: SIGNING,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  })
  await writePair(folder, 'ca', certificate, keys.privateKey)
}

async function makeServer(folder: string, ca: string, names: readonly string[]): Promise<void> {
  const issuer = new x509.X509Certificate(ca)
  const pkcs8 = createPrivateKey(readFileSync(join(folder, 'ca-key.pem'))).export({
    type: 'pkcs8',
    format: 'der',
  })
  const signingKey = await webcrypto.subtle.importKey('pkcs8', pkcs8, KEYS, false, ['sign'])
  const keys = await webcrypto.subtle.generateKey(KEYS, true, ['sign', 'verify'])
  const now = Date.now()
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: randomBytes(16).toString('hex'),
    subject: 'CN=localhost',
    issuer: issuer.subject,
    notBefore: new Date(now - DAY_MS),
    notAfter: new Date(now + SERVER_DAYS * DAY_MS),
    publicKey: keys.publicKey,
    signingKey,
    signingAlgorithm: SIGNING,
    extensions: [
      new x509.BasicConstraintsExtension(false),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension([
        { type: 'ip', value: '127.0.0.1' },
        { type: 'ip', value: '::1' },
        ...names.map(value => ({ type: 'dns' as const, value })),
      ]),
      await x509.AuthorityKeyIdentifierExtension.create(issuer.publicKey),
    ],
  })
  await writePair(folder, 'server', certificate, keys.privateKey)
}

/** The key goes first: a certificate on disk means that both are there. */
async function writePair(
  folder: string,
  name: string,
  certificate: x509.X509Certificate,
  key: webcrypto.CryptoKey,
) {
  const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', key))
  const pem = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }).export({
    type: 'pkcs8',
    format: 'pem',
  })
  write(join(folder, `${name}-key.pem`), String(pem), 0o600)
  write(join(folder, `${name}.pem`), `${certificate.toString('pem')}\n`, 0o644)
}

function write(file: string, text: string, mode: number): void {
  writeFileSync(`${file}.next`, text, { mode })
  renameSync(`${file}.next`, file)
}
