/** Texts to measure with, made up, always the same: logs, prose with names, JSON. About half a megabyte each. */

export interface MadeUpText {
  readonly name: string
  readonly kind: 'logs' | 'prose'
  readonly text: string
}

const size = 500_000

export function makeTexts(): MadeUpText[] {
  return [
    { name: 'access log', kind: 'logs', text: fill(accessLine) },
    { name: 'system log', kind: 'logs', text: fill(systemLine) },
    { name: 'service log, JSON', kind: 'logs', text: fill(jsonLine) },
    { name: 'letters and notes', kind: 'prose', text: fill(note) },
  ]
}

type Random = (below: number) => number

/** A linear congruential generator (Numerical Recipes): the same texts on every machine. */
function createRandom(): Random {
  let state = 42
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

function fill(makeLine: (random: Random) => string): string {
  const random = createRandom()
  const lines: string[] = []
  for (let length = 0; length < size; ) {
    const line = makeLine(random)
    lines.push(line)
    length += line.length + 1
  }
  return lines.join('\n')
}

const pick = <Item>(random: Random, items: readonly Item[]): Item => items[random(items.length)] as Item
const address = (random: Random) => `${1 + random(223)}.${random(256)}.${random(256)}.${1 + random(254)}`
const clock = (random: Random) =>
  [random(24), random(60), random(60)].map((part) => String(part).padStart(2, '0')).join(':')
const hex = (random: Random, length: number) => Array.from({ length }, () => random(16).toString(16)).join('')

const paths = ['/', '/index.html', '/api/v1/orders', '/images/logo.png', '/blog/2025/10/why-queues', '/search?q=lease']
const agents = [
  'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36',
  'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Gecko/20100101 Firefox/127.0',
  'curl/8.5.0',
]

function accessLine(random: Random): string {
  const request = `"GET ${pick(random, paths)} HTTP/1.1" ${pick(random, [200, 200, 304, 404])} ${random(90_000)}`
  return `${address(random)} - - [21/Nov/2026:${clock(random)} +0000] ${request} "https://www.example.com/" "${pick(random, agents)}"`
}

const events = [
  (random: Random) =>
    `sshd[${random(30_000)}]: Failed password for root from ${address(random)} port ${random(60_000)} ssh2`,
  (random: Random) =>
    `sshd[${random(30_000)}]: Accepted publickey for deploy${random(9)} from ${address(random)} port 22`,
  (random: Random) =>
    `kernel: [${random(99_999)}.${random(999_999)}] EXT4-fs (sda1): mounted filesystem with ordered data mode`,
  (random: Random) => `systemd[1]: Started Session ${random(9_999)} of user www-data.`,
  (random: Random) =>
    `worker: block blk_${random(2 ** 31)}${random(2 ** 31)} of size ${random(70_000_000)} stored in ${random(900)} ms`,
]

function systemLine(random: Random): string {
  return `Nov 21 ${clock(random)} host-${random(40)} ${pick(random, events)(random)}`
}

function jsonLine(random: Random): string {
  const request = { id: hex(random, 32), ip: address(random), status: pick(random, [200, 201, 500]), ms: random(900) }
  const time = `2026-11-21T${clock(random)}.${random(1000)}Z`
  return JSON.stringify({
    time,
    level: 'info',
    service: 'orders',
    request,
    message: 'request handled',
    retries: random(3),
  })
}

const first = ['Maria', 'James', 'Anna', 'Peter', 'Sofia', 'Thomas', 'Ingrid', 'Luis', 'Claire', 'David']
const last = ['Schneider', 'Miller', 'Rossi', 'Novak', 'Garcia', 'Dubois', 'Larsen', 'Smith', 'Okafor', 'Tanaka']

function note(random: Random): string {
  const name = `${pick(random, first)} ${pick(random, last)}`
  return pick(random, [
    `Dear ${name}, thank you for your letter. We have looked into the matter and will come back to you within ten days.`,
    `${name} was seen in the clinic today and reports that the pain has become less since the last visit two weeks ago.`,
    `The committee met in the morning and agreed, after a long discussion, to put off the decision until spring.`,
    `Please call ${name} at +1 (415) 555-${1000 + random(9000)} or write to ${name.split(' ')[0]?.toLowerCase()}@example.com.`,
    `Nobody could say why the delivery was late, but the report names three causes and the people who looked for them.`,
  ])
}
