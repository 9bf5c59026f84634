import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Agent, request } from 'undici'
import { describe, expect, it } from 'vitest'
import { createUrlGuard, UrlGuardError } from '../../src/delivery/url-guard.ts'

const strict = createUrlGuard({ allowNetworks: [], allowHttp: false })

function codeOf(work: () => unknown): string | undefined {
  try {
    work()
    return undefined
  } catch (error) {
    if (error instanceof UrlGuardError) return error.code
    throw error
  }
}

async function startReceiver(host = '127.0.0.1') {
  let requests = 0
  const server = createServer((_request, response) => {
    requests += 1
    response.end('ok')
  })
  await new Promise<void>((resolve) => server.listen(0, host, resolve))
  return {
    port: (server.address() as AddressInfo).port,
    requests: () => requests,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

async function call(url: string, policy: Parameters<typeof createUrlGuard>[0], addresses?: readonly string[]) {
  const lookups: string[] = []
  const guard = addresses
    ? createUrlGuard(policy, async (hostname) => {
        lookups.push(hostname)
        return addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }))
      })
    : createUrlGuard(policy)
  const dispatcher = new Agent({ connect: guard.connector({ timeoutMs: 2_000 }) })
  try {
    const response = await request(url, { dispatcher })
    await response.body.dump()
    return { status: response.statusCode, lookups }
  } catch (error) {
    return { error: error instanceof UrlGuardError ? error.code : error, lookups }
  } finally {
    await dispatcher.close()
  }
}

const loopback = { allowNetworks: ['127.0.0.0/8', '::1/128'], allowHttp: true }

describe('the shape of a webhook URL', () => {
  it.each([
    'https://example.com/hooks?source=sluice',
    'https://example.com:8443/hooks',
    'https://example.com:443',
    'https://8.8.8.8/hooks',
    'https://[2606:4700:4700::1111]/hooks',
    'https://bücher.example/hooks',
  ])('allows %s', (url) => {
    expect(codeOf(() => strict.check(url))).toBeUndefined()
  })

  it.each([
    ['', 'url_invalid'],
    ['/hooks', 'url_invalid'],
    ['https://', 'url_invalid'],
    ['https://exa mple.com/', 'url_invalid'],
    ['https://[fe80::1%25eth0]/', 'url_invalid'],
    [`https://example.com/${'a'.repeat(2048)}`, 'url_invalid'],
    ['http://example.com/', 'url_scheme'],
    ['ftp://example.com/', 'url_scheme'],
    ['file:///etc/passwd', 'url_scheme'],
    ['javascript:alert(1)', 'url_scheme'],
    ['https://user@example.com/', 'url_credentials'],
    ['https://user:pass@example.com/', 'url_credentials'],
    ['https://:pass@example.com/', 'url_credentials'],
    ['https://example.com@127.0.0.1/', 'url_credentials'],
    ['https://example.com/#part', 'url_fragment'],
    ['https://example.com:25/', 'url_port'],
    ['https://example.com:22/', 'url_port'],
    ['https://example.com:0/', 'url_port'],
  ])('refuses %s with %s', (url, code) => {
    expect(codeOf(() => strict.check(url))).toBe(code)
  })

  it('allows http only where the operator does, and nothing else with it', () => {
    const lenient = createUrlGuard({ allowNetworks: [], allowHttp: true })
    expect(codeOf(() => lenient.check('http://example.com/'))).toBeUndefined()
    expect(codeOf(() => lenient.check('ftp://example.com/'))).toBe('url_scheme')
    expect(codeOf(() => lenient.check('http://127.0.0.1/'))).toBe('url_address')
  })

  it('never repeats the URL in its message', () => {
    expect(() => strict.check('https://user:hunter2@example.com/T0/secret-path')).toThrow(
      expect.objectContaining({ message: expect.not.stringMatching(/hunter2|secret-path|example/) }),
    )
  })
})

describe('an address written in a webhook URL', () => {
  it.each([
    ['loopback', 'https://127.0.0.1/'],
    ['loopback elsewhere in 127/8', 'https://127.8.9.10/'],
    ['a decimal number', 'https://2130706433/'],
    ['an octal number', 'https://0177.0.0.1/'],
    ['a hexadecimal number', 'https://0x7f000001/'],
    ['two parts', 'https://127.1/'],
    ['full-width digits', 'https://１２７.0.0.1/'],
    ['a trailing dot', 'https://127.0.0.1./'],
    ['this network', 'https://0.0.0.0/'],
    ['private 10/8', 'https://10.1.2.3/'],
    ['private 172.16/12', 'https://172.31.255.255/'],
    ['private 192.168/16', 'https://192.168.0.1/'],
    ['carrier-grade NAT', 'https://100.64.0.1/'],
    ['cloud metadata', 'https://169.254.169.254/'],
    ['the metadata service of Alibaba', 'https://100.100.100.200/'],
    ['the platform address of Azure', 'https://168.63.129.16/'],
    ['IETF protocol assignments', 'https://192.0.0.192/'],
    ['documentation', 'https://192.0.2.1/'],
    ['documentation', 'https://198.51.100.1/'],
    ['documentation', 'https://203.0.113.1/'],
    ['benchmarking', 'https://198.18.0.1/'],
    ['multicast', 'https://224.0.0.1/'],
    ['reserved', 'https://240.0.0.1/'],
    ['broadcast', 'https://255.255.255.255/'],
    ['unspecified', 'https://[::]/'],
    ['loopback', 'https://[::1]/'],
    ['mapped IPv4', 'https://[::ffff:127.0.0.1]/'],
    ['mapped IPv4 that is public', 'https://[::ffff:8.8.8.8]/'],
    ['IPv4-compatible', 'https://[::127.0.0.1]/'],
    ['NAT64', 'https://[64:ff9b::7f00:1]/'],
    ['local NAT64', 'https://[64:ff9b:1::7f00:1]/'],
    ['6to4', 'https://[2002:7f00:1::]/'],
    ['Teredo', 'https://[2001:0:7f00:1::]/'],
    ['documentation', 'https://[2001:db8::1]/'],
    ['newer documentation', 'https://[3fff::1]/'],
    ['unique local', 'https://[fd00:ec2::254]/'],
    ['link-local', 'https://[fe80::1]/'],
    ['former site-local', 'https://[fec0::1]/'],
    ['multicast', 'https://[ff02::1]/'],
    ['not given out', 'https://[4000::1]/'],
  ])('is refused if it is %s: %s', (_kind, url) => {
    expect(codeOf(() => strict.check(url))).toBe('url_address')
  })

  it('is allowed inside a network that the operator names, and only there', () => {
    const guard = createUrlGuard({ allowNetworks: ['10.20.0.0/16', 'fd00:1::/32'], allowHttp: false })
    expect(codeOf(() => guard.check('https://10.20.1.1/'))).toBeUndefined()
    expect(codeOf(() => guard.check('https://[fd00:1::5]/'))).toBeUndefined()
    expect(codeOf(() => guard.check('https://10.21.1.1/'))).toBe('url_address')
    expect(codeOf(() => guard.check('https://[fd00:2::5]/'))).toBe('url_address')
    expect(codeOf(() => guard.check('https://[::ffff:10.20.1.1]/'))).toBe('url_address')
  })

  it.each(['10.0.0.0', '10/8', '10.0.0.0/33', 'everything', ''])('does not take %j for a network', (network) => {
    expect(() => createUrlGuard({ allowNetworks: [network], allowHttp: false })).toThrow(RangeError)
  })
})

describe('a connection to a webhook receiver', () => {
  it('is refused when the name resolves to loopback', async () => {
    await using receiver = await startReceiver()
    const { error } = await call(`http://localhost:${receiver.port}/`, { allowNetworks: [], allowHttp: true })
    expect(error).toBe('url_address')
    expect(receiver.requests()).toBe(0)
  })

  it('is made when the name resolves into an allowed network', async () => {
    await using receiver = await startReceiver('localhost')
    expect(await call(`http://localhost:${receiver.port}/`, loopback)).toMatchObject({ status: 200 })
    expect(receiver.requests()).toBe(1)
  })

  it('goes to the address that was checked, looked up once', async () => {
    await using receiver = await startReceiver()
    const url = `http://receiver.invalid:${receiver.port}/`
    expect(await call(url, loopback, ['127.0.0.1'])).toEqual({ status: 200, lookups: ['receiver.invalid'] })
  })

  it.each([[['8.8.8.8', '127.0.0.1']], [['127.0.0.1', '8.8.8.8']], [['8.8.8.8', '::ffff:127.0.0.1']], [[]]])(
    'is refused when the name resolves to %j',
    async (addresses) => {
      await using receiver = await startReceiver()
      const url = `http://receiver.invalid:${receiver.port}/`
      const { error, lookups } = await call(url, { allowNetworks: [], allowHttp: true }, addresses)
      expect(error).toBe('url_address')
      expect(lookups).toEqual(['receiver.invalid'])
      expect(receiver.requests()).toBe(0)
    },
  )

  it.each(['127.0.0.1', '[::1]', '2130706433', '[::ffff:127.0.0.1]'])(
    'to the address %s is refused although nobody checked the URL before',
    async (host) => {
      await using receiver = await startReceiver()
      const { error } = await call(`http://${host}:${receiver.port}/`, { allowNetworks: [], allowHttp: true })
      expect(error).toBe('url_address')
      expect(receiver.requests()).toBe(0)
    },
  )
})
