import type { Finding, Recognizer } from '../recognizer.ts'
import type { Scan } from '../scan.ts'
import { ReadingLimit } from '../secrets/assigned-value.ts'
import { findPasswordOptions } from '../secrets/password-options.ts'
import { readPassword } from '../secrets/password-value.ts'
import { wordSet } from '../word-set.ts'

/** Words that mean a password wherever they stand, also inside a name such as `dbPassword`. */
const long = wordSet(
  [
    ...['password', 'passwd', 'passwort', 'passphrase', 'passcode', 'pass_word', 'pass-word', 'kennwort', 'contraseña'],
    ...['contrasena', 'mot de passe', 'mot_de_passe', 'motdepasse', 'palavra-passe', 'senha', 'wachtwoord', 'lösenord'],
    ...[
      'losenord',
      'hasło',
      'haslo',
      'пароль',
      'adgangskode',
      'salasana',
      'heslo',
      'jelszó',
      'parola',
      'şifre',
      'sifre',
    ],
    ...['κωδικός', 'passord', 'лозинка', 'zaporka', 'geslo', 'slaptažodis', 'parole', 'mật khẩu', 'kata sandi'],
  ],
  { whole: false },
)
/** Words that mean one when they are a word of their own: `DB_PASS`, `dbPass`, `pw`. */
const short = wordSet(['pass', 'pwd', 'pw', 'psw', 'pswd', 'clave', 'pin', 'pin code', 'pincode', 'otp', 'passkey'], {
  whole: false,
})
/** Scripts that the search for words does not read. */
const otherScripts = ['密码', '密碼', 'パスワード', '비밀번호', 'كلمة المرور', 'סיסמה', 'รหัสผ่าน', 'पासवर्ड']

export const password: Recognizer = {
  entity: 'PASSWORD',
  examples: {
    finds: [
      'db-password: "⟦Kz@Hc0XQs5⟧"',
      'dbPass: "⟦JrE63AH4zeA⟧",',
      'DB_PASS=⟦hunter2⟧',
      '"password":"⟦correct horse⟧"',
      '{\\"passwd\\": \\"⟦s3cr3t!⟧\\"}',
      'Server=db;Uid=app;Pwd=⟦Tr0ub4dor⟧;',
      'password is ⟦Winter2024!⟧.',
      'The new password is: ⟦hunter22⟧',
      'Passwort: ⟦Sommer99⟧',
      'La contraseña es ⟦Verano#21⟧',
      'mot de passe : ⟦Soleil!7⟧',
      'mysql -u app -p⟦S3cret99⟧ shop',
      'tool --password ⟦hunter2⟧ run',
      'sshpass -p ⟦hunter2⟧ ssh x',
      'machine host login ada password ⟦hunter2⟧',
      '<password>⟦hunter2⟧</password>',
      '<add key="Password" value="⟦hunter2⟧"/>',
      "CREATE USER app IDENTIFIED BY '⟦hunter2⟧'",
      '密码：⟦abc123XYZ⟧',
    ],
    ignores: [
      'Failed password for root from 10.0.0.7 port 22 ssh2',
      'password is required',
      'Password: ********',
      'password=$DB_PASSWORD',
      'const password = request.body.password',
      'password: string',
      'check pass; user unknown',
      'PWD=/home ; USER=root',
      'forgot your password?',
      'password authentication failed',
      'pass: 12, fail: 0',
      'a password must have 8 signs',
      'pin 4 is high',
    ],
  },
  find(scan) {
    return [...findAfterWords(scan), ...findAfterOtherScripts(scan.text), ...findPasswordOptions(scan)]
  },
}

function findAfterWords(scan: Scan): Finding[] {
  const { text } = scan
  const findings: Finding[] = []
  let limit = new ReadingLimit()
  const note = (end: number, isSure: boolean) => {
    const value = limit.allows(end) ? readPassword(text, end, { isSure, limit }) : null
    if (value) findings.push({ ...value, entity: 'PASSWORD', score: isSure ? 0.96 : 0.95 })
  }
  for (const end of scan.hits(long).ends) note(end, true)
  limit = new ReadingLimit()
  const { starts, ends } = scan.hits(short)
  for (const [index, start] of starts.entries()) {
    const end = ends[index] ?? start
    if (isOwnWord(text, start, end)) note(end, false)
  }
  return findings
}

/** Whether a word is one by itself or one of several that make a name: `pass`, `db_pass`, `dbPass`, not `compass`. */
function isOwnWord(text: string, start: number, end: number): boolean {
  const before = text[start - 1] ?? ' '
  if (/[a-z]/i.test(text[end] ?? ' ')) return false
  return !/[a-z]/i.test(before) || (/[a-z]/.test(before) && /[A-Z]/.test(text[start] ?? ''))
}

function findAfterOtherScripts(text: string): Finding[] {
  const findings: Finding[] = []
  for (const word of otherScripts) {
    const limit = new ReadingLimit()
    for (let at = text.indexOf(word); at !== -1; at = text.indexOf(word, at + word.length)) {
      if (!limit.allows(at)) continue
      const value = readPassword(text, at + word.length, { isSure: true, limit })
      if (value) findings.push({ ...value, entity: 'PASSWORD', score: 0.95 })
    }
  }
  return findings
}
