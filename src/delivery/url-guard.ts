import { promises as dns, type LookupAddress } from 'node:dns'
import { isIP, type LookupFunction } from 'node:net'
import ipaddr from 'ipaddr.js'
import { buildConnector } from 'undici'

/**
 * Keeps webhooks from being used to reach what only this machine can reach. A URL is judged twice: by its shape when it
 * is given and before each attempt, and by its address when the connection is opened. The second judgement is what
 * counts. It happens inside the connection's own name lookup, so that the address that was judged is the address that
 * is called, whatever the name says a moment later.
 */
export interface UrlGuard {
  /** @throws UrlGuardError where the URL's shape, or the address that is written in it, is not allowed. */
  check(url: string): void
  /**
   * The way to open connections for an undici dispatcher: resolves the name once and refuses with `UrlGuardError` if any
   * of its addresses is not allowed.
   */
  connector(options: { timeoutMs: number }): buildConnector.connector
}

export const urlRules = {
  url_invalid: 'The URL is not a valid absolute URL of at most 2048 characters.',
  url_scheme: 'The URL must use https.',
  url_credentials: 'The URL must not contain a user name or password.',
  url_fragment: 'The URL must not contain a fragment.',
  url_port: 'The port of the URL must be 80, 443, or 1024 and above.',
  url_address: 'The host of the URL is, or resolves to, an address that is not public.',
} as const

/** A URL that Sluice does not call. The message names the rule and never the URL, whose path may be a secret. */
export class UrlGuardError extends Error {
  override readonly name = 'UrlGuardError'
  readonly code: keyof typeof urlRules

  constructor(code: keyof typeof urlRules) {
    super(urlRules[code])
    this.code = code
  }
}

type Address = ipaddr.IPv4 | ipaddr.IPv6
type Network = [Address, number]
type Resolve = (hostname: string) => Promise<readonly LookupAddress[]>

const maxUrlLength = 2048

/** Global unicast as far as IANA has given it out: all that lies outside is local, reserved or a way to wrap IPv4. */
const globalUnicastV6 = ipaddr.parseCIDR('2000::/3')

/** Public by number, private by use: Azure answers every machine of its own here, with credentials among the answers. */
const cloudPlatformV4 = ipaddr.parseCIDR('168.63.129.16/32')

/**
 * @param policy.allowNetworks networks in CIDR notation that may be called although they are not public. The operator's
 *   choice: a request must never reach this list.
 * @param policy.allowHttp lets `http:` URLs pass.
 * @param resolve how names become addresses.
 * @throws RangeError for a network that is not in CIDR notation.
 */
export function createUrlGuard(
  policy: { allowNetworks: readonly string[]; allowHttp: boolean },
  resolve: Resolve = (hostname) => dns.lookup(hostname, { all: true }),
): UrlGuard {
  const allowedNetworks = policy.allowNetworks.map(parseNetwork)
  const isAllowed = (address: string) => isAllowedAddress(address, allowedNetworks)
  const lookup = createLookup(resolve, isAllowed)

  return {
    check(text) {
      const url = parseUrl(text)
      if (url.protocol !== 'https:' && !(policy.allowHttp && url.protocol === 'http:')) {
        throw new UrlGuardError('url_scheme')
      }
      if (url.username !== '' || url.password !== '') throw new UrlGuardError('url_credentials')
      if (url.hash !== '') throw new UrlGuardError('url_fragment')
      if (!isAllowedPort(url.port)) throw new UrlGuardError('url_port')
      const literal = literalAddress(url.hostname)
      if (literal !== undefined && !isAllowed(literal)) throw new UrlGuardError('url_address')
    },

    connector({ timeoutMs }) {
      const connect = buildConnector({ timeout: timeoutMs, lookup, allowH2: false })
      return (options, callback) => {
        // The operating system looks up no address that is written out, so the lookup would never see it.
        const literal = literalAddress(options.hostname)
        if (literal !== undefined && !isAllowed(literal)) callback(new UrlGuardError('url_address'), null)
        else connect(options, callback)
      }
    },
  }
}

function parseUrl(text: string): URL {
  const url = text.length <= maxUrlLength ? URL.parse(text) : null
  if (url === null) throw new UrlGuardError('url_invalid')
  return url
}

/** Below 1024 live mail, shells and directories, whose servers might make sense of a line of an HTTP request. */
function isAllowedPort(port: string): boolean {
  return port === '' || port === '80' || port === '443' || Number(port) >= 1024
}

/** The address in a URL's host, if it is one. URL parsing has already turned `0x7f.1` and `2130706433` into 127.0.0.1. */
function literalAddress(hostname: string): string | undefined {
  const bare = hostname.startsWith('[') ? hostname.slice(1, -1) : hostname
  return isIP(bare) === 0 ? undefined : bare
}

function createLookup(resolve: Resolve, isAllowed: (address: string) => boolean): LookupFunction {
  return (hostname, options, callback) => {
    resolve(hostname).then(
      (addresses) => {
        const [first] = addresses
        // One address out of bounds condemns the name: no honest receiver is at once public and private.
        if (first === undefined || !addresses.every(({ address }) => isAllowed(address))) {
          callback(new UrlGuardError('url_address'), '')
        } else if (options.all) callback(null, [...addresses])
        else callback(null, first.address, first.family)
      },
      (error) => callback(error, ''),
    )
  }
}

function isAllowedAddress(text: string, allowedNetworks: readonly Network[]): boolean {
  const address = ipaddr.parse(text)
  return isPublic(address) || allowedNetworks.some((network) => contains(network, address))
}

/** Every range that ipaddr.js has a name for is special: private, loopback, link-local, mapped, NAT64, documentation … */
function isPublic(address: Address): boolean {
  if (address.range() !== 'unicast') return false
  return address.kind() === 'ipv6' ? contains(globalUnicastV6, address) : !contains(cloudPlatformV4, address)
}

function contains(network: Network, address: Address): boolean {
  return network[0].kind() === address.kind() && address.match(network)
}

function parseNetwork(text: string): Network {
  if (ipaddr.IPv4.isValidCIDRFourPartDecimal(text) || ipaddr.IPv6.isValidCIDR(text)) return ipaddr.parseCIDR(text)
  throw new RangeError(`${JSON.stringify(text)} is not a network in CIDR notation, such as 10.0.0.0/8 or fd00::/8`)
}
