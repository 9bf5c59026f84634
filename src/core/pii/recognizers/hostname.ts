import type { Finding, Recognizer } from '../recognizer.ts'
import type { Scan } from '../scan.ts'
import { ReadingLimit, readAssigned } from '../secrets/assigned-value.ts'
import { wordSet } from '../word-set.ts'

/** Ends of names that are hosts rather than files, packages and members: countries are left to the other ways. */
const domains = wordSet(
  [
    ...[
      '.com',
      '.net',
      '.org',
      '.edu',
      '.gov',
      '.mil',
      '.io',
      '.dev',
      '.cloud',
      '.info',
      '.biz',
      '.local',
      '.internal',
    ],
    ...[
      '.corp',
      '.lan',
      '.intra',
      '.intranet',
      '.home.arpa',
      '.arpa',
      '.localdomain',
      '.de',
      '.fr',
      '.nl',
      '.es',
      '.it',
    ],
    ...['.co.uk', '.ac.uk', '.org.uk', '.uk', '.jp', '.co.jp', '.ne.jp', '.cn', '.tw', '.com.tw', '.hk', '.kr', '.ru'],
    ...[
      '.com.br',
      '.br',
      '.com.mx',
      '.mx',
      '.com.au',
      '.net.au',
      '.au',
      '.ca',
      '.ch',
      '.at',
      '.be',
      '.se',
      '.no',
      '.dk',
    ],
    ...[
      '.fi',
      '.pl',
      '.cz',
      '.hu',
      '.ro',
      '.gr',
      '.pt',
      '.ie',
      '.in',
      '.co.in',
      '.sg',
      '.nz',
      '.za',
      '.tr',
      '.ua',
      '.om',
    ],
    ...[
      '.ar',
      '.cl',
      '.co',
      '.pe',
      '.il',
      '.ir',
      '.th',
      '.vn',
      '.my',
      '.id',
      '.ph',
      '.us',
      '.eu',
      '.tv',
      '.me',
      '.app',
      '.ai',
    ],
  ],
  { whole: false },
)
/** Backwards from the last label: names of hosts by RFC 1123, and underscores as they occur in reverse DNS. */
const labels =
  /(?<=(?<name>(?<![\w.@%-])(?:[A-Za-z0-9_](?:[\w-]{0,61}[A-Za-z0-9])?\.){0,8}[A-Za-z0-9_](?:[\w-]{0,61}[A-Za-z0-9])?))\.(?=[a-z])/y
/** Countries are also endings of files and members of objects; a host under one has several labels or a dash. */
const sureEnd =
  /\.(?:com|net|org|edu|gov|mil|io|cloud|arpa|local|internal|corp|lan|intra|intranet|localdomain|(?:co|ac|org|com|ne|net)\.[a-z]{2})$/i
const notHost =
  /^(?:com|org|net|io|java|javax|android|www|system|microsoft|windows)\.|^(?:e\.g|i\.e|asp\.net|ado\.net|node\.js|vb\.net)$|^[\d.]{1,255}$/i

const months = wordSet(
  ['jan ', 'feb ', 'mar ', 'apr ', 'may ', 'jun ', 'jul ', 'aug ', 'sep ', 'oct ', 'nov ', 'dec '],
  {
    whole: false,
  },
)
/** RFC 3164: the host after the time. The same name may stand before it and again after a slash. */
const syslog =
  /(?<![a-z])(?:(?<=(?:^|\n|\s)\d{4}\.\d\d\.\d\d (?<first>[\w.#@-]{1,64}) )|)[a-z]{3} {1,2}\d{1,2}(?: \d{4})? \d\d:\d\d:\d\d (?:local@|src@)?(?<host>[A-Za-z#][\w.#-]{0,63})(?:\/(?<again>[\w.#@-]{1,64}))?(?= [\w./() -]{1,100}(?:\[\d|:))/iy

const fields = wordSet([
  'host',
  'hostname',
  'rhost',
  'server',
  'servername',
  'server_name',
  'computer',
  'computername',
  'workstation',
  'machine',
  'node',
  'fqdn',
])
const hostLike = /^[\w-]{1,63}(?:\.[A-Za-z\d][\w-]{0,62}){0,8}$/

export const hostname: Recognizer = {
  entity: 'HOSTNAME',
  examples: {
    finds: [
      'Jun 14 15:16:01 ⟦combo⟧ sshd(pam_unix)[19939]: check pass',
      'rhost=⟦220-135-151-1.hinet-ip.hinet.net⟧  user=root',
      'connect to ⟦db-7.eu.internal⟧ failed',
      'JFROG_URL=⟦my-company-name.jfrog.io⟧',
      'host=⟦web-01⟧ up',
      'from ⟦massive.merukuru.org⟧, again',
    ],
    ignores: [
      'com.android.server.net',
      'org.apache.hadoop.net.Socket',
      'ada@example.com',
      'Jun 14 15:16:01',
      'e.g. this one',
      'node.js and ASP.NET',
      'host: string',
      'max.in the list.it is',
      'version 1.2.3.de',
    ],
  },
  find(scan) {
    return [...findDomains(scan), ...findSyslogHosts(scan), ...findInFields(scan)]
  },
}

const toFinding = (start: number, end: number, score: number): Finding => ({ start, end, entity: 'HOSTNAME', score })

function findDomains(scan: Scan): Finding[] {
  const { text } = scan
  const { starts, ends } = scan.hits(domains)
  const findings: Finding[] = []
  for (const [index, at] of starts.entries()) {
    const end = ends[index] ?? at
    // The name goes on: `.co` of `.com`, `.net` of a package.
    if (/^(?:[\w-]|\.\w)/.test(text.slice(end, end + 2)) || text[end] === '(') continue
    labels.lastIndex = at
    const name = labels.exec(text)?.groups?.name
    if (name === undefined) continue
    const start = at - name.length
    const whole = text.slice(start, end)
    // After a slash that ends no scheme it is a file.
    if (notHost.test(whole) || (text[start - 1] === '/' && text.slice(start - 3, start) !== '://')) continue
    if (!(sureEnd.test(whole) ? isHost(name) : isHostOfCountry(name)) && !whole.endsWith('.arpa')) continue
    findings.push(toFinding(start, end, 0.7))
  }
  return findings
}

/** `Amazon.com` is a company in a sentence, `mail.example.com` and `web-1.com` are hosts. */
function isHost(name: string): boolean {
  return /[a-z]/i.test(name) && /[.\d-]/.test(name)
}

/** `ip-82-1.adsl.proxad` in front of `.fr`; `list` in front of `.it` is the end of a sentence. */
function isHostOfCountry(name: string): boolean {
  if (!/[a-z][\w-]{0,62}$/i.test(name)) return false
  return (
    name.split('.').length >= 3 ||
    (/[\d-]/.test(name) && name.includes('.')) ||
    /^(?:www|mail|ftp|smtp|ns\d?|vpn)\./i.test(name)
  )
}

function findSyslogHosts(scan: Scan): Finding[] {
  const { text } = scan
  const findings: Finding[] = []
  for (const start of scan.hits(months).starts) {
    syslog.lastIndex = start
    const match = syslog.exec(text)
    const { first, host, again } = match?.groups ?? {}
    if (host === undefined) continue
    const end = syslog.lastIndex
    findings.push(toFinding(end - host.length - (again === undefined ? 0 : again.length + 1), end, 0.75))
    if (first !== undefined) findings.push(toFinding(start - 1 - first.length, start - 1, 0.75))
  }
  return findings
}

function findInFields(scan: Scan): Finding[] {
  const findings: Finding[] = []
  const limit = new ReadingLimit()
  for (const end of scan.hits(fields).ends) {
    const assigned = limit.allows(end) ? readAssigned(scan.text, end) : null
    if (assigned) limit.note(assigned.end)
    if (!assigned || (assigned.operator === ':' && !assigned.isQuoted && !assigned.value.includes('.'))) continue
    const value = assigned.value.replace(/:\d{1,5}$/, '')
    if (hostLike.test(value) && isNameOfHost(value))
      findings.push(toFinding(assigned.start, assigned.start + value.length, 0.6))
  }
  return findings
}

/** `web-01`, `db7` and `mail.example.test`; a plain word may be anything, and numbers with dots are an address. */
function isNameOfHost(value: string): boolean {
  const last = value.slice(value.lastIndexOf('.') + 1)
  return value.length > 2 && /[a-z]/i.test(last) && /[.\d-]/.test(value) && /^\w/.test(value)
}
