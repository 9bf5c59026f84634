import type { Finding, Recognizer } from '../recognizer.ts'
import type { Scan } from '../scan.ts'
import { type AssignedValue, ReadingLimit, readAssigned } from '../secrets/assigned-value.ts'
import { findInHomePaths } from '../usernames/home-paths.ts'
import { findInLogLines, type Stretch } from '../usernames/log-lines.ts'
import { isUserName } from '../usernames/user-names.ts'
import { wordSet } from '../word-set.ts'

/** Names of fields that hold a user: whole ones, and ends of longer ones such as `dbUser` and `SMTP_LOGIN`. */
const fields = wordSet(
  [
    ...['username', 'user_name', 'user-name', 'userlogin', 'user_login', 'login_name', 'loginname', 'logname', 'ruser'],
    ...['nickname', 'screen_name', 'screenname', 'samaccountname', 'user id', 'user_id', 'userid', 'uid', 'handle'],
    ...[
      'benutzername',
      'benutzer',
      'nutzername',
      'nombre de usuario',
      'usuario',
      'usuário',
      'nome de usuário',
      'utente',
    ],
    ...[
      "nom d'utilisateur",
      'utilisateur',
      'identifiant',
      'nome utente',
      'gebruikersnaam',
      'gebruiker',
      'användarnamn',
    ],
    ...[
      'brukernavn',
      'brugernavn',
      'käyttäjätunnus',
      'nazwa użytkownika',
      'kullanıcı adı',
      'имя пользователя',
      'логин',
    ],
    ...['felhasználónév', 'uživatelské jméno', 'utilizador', 'login', 'user', 'account', 'acct', 'cuenta', 'konto'],
    ...[
      'github username',
      'twitter handle',
      'instagram handle',
      'user name',
      'login id',
      'loginid',
      'sudo_user',
      'pguser',
    ],
  ],
  { whole: false },
)
const plainName = /^@?[A-Za-z0-9_][\w.@+$\\-]{0,63}$/
/** Fields whose value is often a number or a sentence; the name has to look like one made for logging in. */
const loose = /^(?:account|acct|login|uid|user ?_?id|userid|handle|identifiant|konto|cuenta|utente|usuario|benutzer)$/i

const accessLogMonths = wordSet(
  ['/jan/', '/feb/', '/mar/', '/apr/', '/may/', '/jun/', '/jul/', '/aug/', '/sep/', '/oct/', '/nov/', '/dec/'],
  {
    whole: false,
  },
)
/** The third field of an access log, from the day of the fourth. */
const accessLogUser = /(?<=(?:^|\n)[^\s]{1,100} [^\s]{1,40} (?<name>[A-Za-z0-9][\w.@-]{0,63}) \[\d{1,2})\//y

export const username: Recognizer = {
  entity: 'USERNAME',
  examples: {
    finds: [
      'sshd[24224]: Invalid user ⟦chen⟧ from 202.100.179.208',
      'Failed password for invalid user ⟦0⟧ from 5.188.10.180 port 49811 ssh2',
      'Failed password for ⟦ada⟧ from 5.188.10.180 port 49811 ssh2',
      'input_userauth_request: invalid user ⟦pgadmin⟧ [preauth]',
      'session opened for user ⟦ada⟧ by (uid=0)',
      'rhost=10.0.0.7  user=⟦ada⟧',
      'Error loading /home/⟦glosli⟧/src/a.out',
      'core files for program /g/g20/⟦valone1⟧/shock/run',
      'C:\\Users\\⟦ada⟧\\AppData',
      '"db_user": "⟦ryanedwards104⟧",',
      'dbUser: "⟦mgr_9263⟧",',
      '[INFO] User ⟦thomasbaker320⟧ logged in from 170.16.48.112',
      'token 1 was issued to ⟦vdickson⟧ at noon',
      'my email handle is ⟦lisa.gutierrez53⟧.',
      'Benutzername: ⟦jmueller⟧',
      'sudo:      ⟦ada⟧ : TTY=pts/0 ; PWD=/tmp ; USER=root ; COMMAND=/bin/ls',
      'pam_unix(sudo:session): session opened for user root by ⟦ada⟧(uid=0)',
      'new user: name=⟦ada⟧, UID=1001',
      '203.0.113.7 - ⟦ada⟧ [10/Oct/2026:13:55:36 +0000] "GET / HTTP/1.1" 200 1',
      'Account Name:\t\tCORP\\⟦jdoe⟧',
      'uid=1000(⟦ada⟧) gid=100',
    ],
    ignores: [
      'session closed for user root',
      'check pass; user unknown',
      'user authentication failed',
      'start push user data!',
      'the user is not here',
      '203.0.113.7 - - [10/Oct/2026:13:55:36 +0000] "GET /home/index.html HTTP/1.1" 200 1',
      'BLOCK* NameSystem.allocateBlock: /user/root/rand8/_temporary',
      'user: string',
      'logname= uid=0 euid=0 tty=ssh ruser= rhost=10.0.0.7',
      'uid=1000',
      'C:\\Users\\Public\\x',
    ],
  },
  find(scan) {
    const stretches = [
      ...findInLogLines(scan),
      ...findInHomePaths(scan),
      ...findInFields(scan),
      ...findInAccessLogs(scan),
    ]
    return stretches.map(({ start, end }): Finding => ({ start, end, entity: 'USERNAME', score: 0.95 }))
  },
}

function findInFields(scan: Scan): Stretch[] {
  const { text } = scan
  const { starts, ends } = scan.hits(fields)
  const found: Stretch[] = []
  const limit = new ReadingLimit()
  for (const [index, start] of starts.entries()) {
    const end = ends[index] ?? start
    if (!limit.allows(start) || /[a-z]/i.test(text[end] ?? ' ') || !startsWord(text, start)) continue
    const assigned = readAssigned(text, end)
    if (!assigned) continue
    limit.note(assigned.end)
    const { value, isQuoted, operator, isSpaced } = assigned
    if (!plainName.test(value) || !isUserName(value) || /^\d+$/.test(value) || value.includes('@', 1)) continue
    const isLoose = loose.test(text.slice(start, end))
    if (isLoose && !isQuoted && !/\d|[._]/.test(value) && operator !== '=') continue
    // `user = getUser()` and `user: Account` are code.
    if (!isQuoted && (/^[[(.]/.test(text.slice(assigned.end)) || (isSpaced && operator === '=' && !/\d/.test(value))))
      continue
    if (
      uuidOrHash.test(value) ||
      (isSpeaker(text.slice(start, end), assigned) && !(/^[a-z]/.test(value) && isPart(text, assigned.end)))
    )
      continue
    const domain = value.lastIndexOf('\\') + 1
    found.push({ start: assigned.start + domain, end: assigned.end })
  }
  return found
}

/** `User: Hello there` in a conversation, where `user: ada` is a field only when another follows or the line is a list. */
function isSpeaker(name: string, { value, isQuoted, operator }: AssignedValue): boolean {
  return /^(?:user|login|handle)$/i.test(name) && operator === ':' && !isQuoted && !/[\d._]/.test(value)
}

/** Whether a value is followed by what ends one of several. */
function isPart(text: string, end: number): boolean {
  return /^(?:[,;)\]}|]| {1,4}[\w.-]{1,24}[=:])/.test(text.slice(end, end + 32))
}

const uuidOrHash = /^[0-9a-f]{8}-[0-9a-f-]{20,30}$|^[0-9a-f]{20,64}$|^0x/i

/** `user` in `db_user` and `dbUser`, not in `superuser`. */
function startsWord(text: string, start: number): boolean {
  const before = text[start - 1] ?? ' '
  return !/[a-z]/i.test(before) || (/[a-z]/.test(before) && /[A-Z]/.test(text[start] ?? ''))
}

function findInAccessLogs(scan: Scan): Stretch[] {
  const found: Stretch[] = []
  for (const at of scan.hits(accessLogMonths).starts) {
    accessLogUser.lastIndex = at
    const name = accessLogUser.exec(scan.text)?.groups?.name
    if (name === undefined || !isUserName(name)) continue
    const end = scan.text.lastIndexOf(' [', at)
    found.push({ start: end - name.length, end })
  }
  return found
}
