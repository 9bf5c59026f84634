import type { Finding } from '../recognizer.ts'
import type { Scan } from '../scan.ts'
import { wordSet } from '../word-set.ts'
import { readValue } from './assigned-value.ts'
import { isPlaceholder } from './randomness.ts'

const options = wordSet(['--password', '--passwd', '--pass', '-password', '--passphrase', '--pwd', '-pass'], {
  whole: false,
})
const clients = wordSet([
  'mysql',
  'mysqldump',
  'mysqladmin',
  'mariadb',
  'sshpass',
  'docker login',
  'podman login',
  'mongo',
])
const moreClients = wordSet([
  'mongosh',
  'mongodump',
  'net use',
  'smbclient',
  'ldapsearch',
  'az login',
  'unzip',
  '7z',
  'zip',
])
const clientOption = /[^\n|;&]{0,200}?[ \t]-[pP](?<gap>[ \t]{0,2}|=)(?=[^\s-])/y
const identified = wordSet(['identified by', 'with password', 'encrypted password', 'netrc password'])
const logins = wordSet(['login'])
const netrc = /[ \t]{1,4}\S{1,64}\s{1,8}password[ \t]{1,4}/y

/** Passwords that a command, a statement or a file of logins gives without a sign: `-p…`, `IDENTIFIED BY '…'`, .netrc. */
export function findPasswordOptions(scan: Scan): Finding[] {
  const { text } = scan
  const findings: Finding[] = []
  const note = (from: number, how: { mustBeQuoted?: boolean } = {}) => {
    const found = readValue(text, from)
    if (!found || found.value.length < 3 || isPlaceholder(found.value) || (how.mustBeQuoted && !found.isQuoted)) return
    if (found.value.startsWith('-')) return
    findings.push({ start: found.start, end: found.end, entity: 'PASSWORD', score: 0.96 })
  }
  const { starts, ends } = scan.hits(options)
  for (const [index, start] of starts.entries()) {
    const end = ends[index] ?? start
    if (/\s/.test(text[start - 1] ?? '') && /^[ \t][^\s-]/.test(text.slice(end, end + 2))) note(end + 1)
  }
  for (const set of [clients, moreClients]) {
    for (const end of scan.hits(set).ends) {
      clientOption.lastIndex = end
      if (clientOption.test(text)) note(clientOption.lastIndex)
    }
  }
  for (const end of scan.hits(identified).ends) {
    const blanks = /^[ \t]{1,3}(?=["'`\\])/.exec(text.slice(end, end + 4))?.[0]
    if (blanks) note(end + blanks.length, { mustBeQuoted: true })
  }
  for (const end of scan.hits(logins).ends) {
    netrc.lastIndex = end
    if (netrc.test(text)) note(netrc.lastIndex)
  }
  return findings
}
