import type { Scan } from '../scan.ts'
import { type WordSet, wordSet } from '../word-set.ts'
import { isUserName } from './user-names.ts'

export interface Stretch {
  readonly start: number
  readonly end: number
}

/** What a program writes before the name of a user, and how it goes on. The group `name` is the name. */
interface Form {
  readonly words: WordSet
  readonly pattern: RegExp
  /** Whether digits alone and ordinary words count: attackers try such names. */
  readonly takesAll?: boolean
}

const name = String.raw`(?<name>[A-Za-z0-9_][\w.@$+-]{0,63}|"[^"\n]{1,64}"|'[^'\n]{1,64}')`
const ends = String.raw`(?=[\s,;:!?()\]>/]|\.(?:\s|$)|$)`

const forms: readonly Form[] = [
  // sshd and PAM.
  {
    words: wordSet(['invalid user', 'illegal user', 'unknown user', 'authenticating user', 'unknown username']),
    pattern: new RegExp(`[ :]{1,3}${name}${ends}`, 'y'),
    takesAll: true,
  },
  {
    words: wordSet(['accepted', 'failed', 'postponed', 'partial']),
    pattern: new RegExp(String.raw` [\w/-]{3,40} for ${name} from `, 'y'),
  },
  {
    words: wordSet([
      'for user',
      'of user',
      'by user',
      'as user',
      'from user',
      'su for',
      'für benutzer',
      "pour l'utilisateur",
      'para el usuario',
      'voor gebruiker',
    ]),
    pattern: new RegExp(`[ :=]{1,2}${name}${ends}`, 'y'),
  },
  {
    words: wordSet([
      'password changed for',
      'authentication failure for',
      'maximum authentication attempts exceeded for',
    ]),
    pattern: new RegExp(` (?:illegal user |invalid user )?${name}${ends}`, 'y'),
  },
  // "User ada from 10.0.0.7 not allowed", "User ada logged in": what follows tells it from a sentence on users.
  {
    words: wordSet([
      'user',
      'usuario',
      'utilisateur',
      'benutzer',
      'utente',
      'utilizador',
      'usuário',
      'member',
      'login',
    ]),
    pattern: new RegExp(
      String.raw`:? (?:account )?${name}(?=,? (?:from|logged|signed|authenticated|connected|disconnected|logging|login|has logged|has been|was |coming from|not allowed|is not|at \d|on \S{1,40} from|failed|successfully|attempted|requested|uploaded|downloaded|created|deleted|updated|accessed|changed|\(uid|\(id|ha iniciado|s'est|hat sich|angemeldet))`,
      'y',
    ),
  },
  // sudo, su, cron, useradd, auditd.
  {
    words: wordSet(['sudo:', 'sudo']),
    pattern: /:?[ \t]{1,12}(?<name>[\w.-]{1,64})[ \t]{1,2}: (?=TTY|user NOT|command|\d|a pass|unable|problem|pam)/y,
  },
  {
    words: wordSet(['(to root)', 'su root', 'su for root by', '(to postgres)']),
    pattern: /(?<name>) (?<name2>[\w.-]{1,64})(?= on |\s|$)/y,
  },
  {
    words: wordSet(['session opened', 'session closed']),
    pattern: /[^\n]{0,80}? by (?<name>[A-Za-z][\w.-]{0,63})(?=\(uid)/y,
  },
  {
    words: wordSet(['cron', 'crond', 'crontab', 'anacron']),
    pattern: /\[\d{1,10}\]:? \((?<name>[\w.-]{1,64})\) (?=[A-Z])/y,
  },
  {
    words: wordSet(['new user:', 'new account', 'new group:', 'delete user', 'add user', 'remove user']),
    pattern: /[: ]{1,3}(?:name=|account=)?["'`]?(?<name>[A-Za-z_][\w.-]{0,63})(?=["',\s]|$)/y,
  },
  { words: wordSet(['acct', 'auid', 'ouid', 'suid']), pattern: /=["'](?<name>[A-Za-z_][\w.-]{0,63})["']/y },
  { words: wordSet(['uid', 'euid', 'gid']), pattern: /=\d{1,10}\((?<name>[A-Za-z_][\w.-]{0,63})\)/y },
  // Windows: `Account Name: CORP\ada`.
  {
    words: wordSet(['account name', 'user name', 'logon account', 'security id', 'account', 'userid']),
    pattern: /:[ \t]{0,16}(?:[A-Za-z][\w.-]{0,15}\\)(?<name>[A-Za-z][\w.$-]{0,63})(?=\s|$|[,;])/y,
  },
  {
    words: wordSet(['account name', 'logon account', 'workstation user']),
    pattern: /:[ \t]{1,16}(?<name>[A-Za-z][\w.-]{0,63})(?=\s|$|[,;])/y,
  },
  // A shell: `ssh ada@host`, `chown ada:staff`.
  {
    words: wordSet(['ssh', 'scp', 'sftp', 'rsync', 'mosh']),
    pattern:
      /(?: -[\w-]{1,20}(?: [\d./~][\w./~-]{0,79})?){0,4} (?<name>[A-Za-z_][\w.-]{0,31})(?=@[\w.-]{1,100}(?:[\s:]|$))/y,
  },
  {
    words: wordSet(['chown', 'chown -r', 'usermod', 'userdel', 'useradd', 'adduser', 'passwd -l']),
    pattern: /(?: -[\w-]{1,20}){0,4} (?<name>[A-Za-z_][\w.-]{0,31})(?=[:\s]|$)/y,
  },
  // Sentences.
  {
    words: wordSet([
      'issued to',
      'handle is',
      'username is',
      'user name is',
      'login is',
      'user id is',
      'screen name is',
    ]),
    pattern: new RegExp(String.raw`:? @?${name}(?=(?: at | on | for | and |,|\.(?:\s|$)|\s*$|\s*\n|;))`, 'y'),
  },
  {
    words: wordSet([
      'logs in as',
      'logged in as',
      'log in as',
      'login as',
      'signed in as',
      'angemeldet als',
      'connecté en tant que',
    ]),
    pattern: new RegExp(` @?${name}${ends}`, 'y'),
  },
]

/** Names of users where programs write them into logs, and where sentences introduce them. */
export function findInLogLines(scan: Scan): Stretch[] {
  return forms.flatMap((form) => findForm(scan, form))
}

function findForm(scan: Scan, { words, pattern, takesAll = false }: Form): Stretch[] {
  const found: Stretch[] = []
  for (const from of scan.hits(words).ends) {
    pattern.lastIndex = from
    const match = pattern.exec(scan.text)
    const written = match?.groups?.name2 || match?.groups?.name
    if (!match || !written) continue
    const start = match.index + match[0].lastIndexOf(written)
    const bare = written.replace(/^["']|["']$/g, '')
    if (!isUserName(bare, { mayBeWord: takesAll }) || (!takesAll && /^\d+$/.test(bare))) continue
    const offset = written.length === bare.length ? 0 : 1
    const value = bare.replace(/[.,:]+$/, '')
    found.push({ start: start + offset, end: start + offset + value.length })
  }
  return found
}
