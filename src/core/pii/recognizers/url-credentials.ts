import type { Finding, Recognizer } from '../recognizer.ts'
import { isPlaceholder, looksGenerated } from '../secrets/randomness.ts'
import { wordSet } from '../word-set.ts'

const schemes = wordSet(['://', '%3a%2f%2f'], { whole: false })
// Up to the last `@` before the path: passwords hold that sign too, although they should not (RFC 3986, 3.2.1).
const userinfo = /(?<user>[^\s:/@<>"'`]{0,64}):(?<password>[^\s/"'`<>]{1,200})@(?=[\w[{$])/y
const userOnly = /(?<user>[\w%.~-]{16,256})@(?=[\w[])/y
const stopWords = /^(?:password|passwd|pass|pwd|secret|token|user|username|x+|\d{1,5})$/i

/** User and password in a URL. What is left of it, the host and the path, says where the trouble is. */
export const urlCredentials: Recognizer = {
  entity: 'SECRET',
  examples: {
    finds: [
      'postgres://⟦app:correct-horse⟧@db:5432/app',
      'mongodb+srv://⟦deploy:Xk9mP3vN7qR2⟧@cluster0/',
      'redis://⟦:s3cr3t-enough⟧@cache:6379/0',
      'amqp://⟦svc:p@ss:w0rd⟧@mq:5672',
      'https://⟦3f9a1c7be2d84056a1b9c3d7e5f60248⟧@ingest:443/2',
    ],
    ignores: [
      'http://localhost:4000/v1/users/@me',
      'postgres://app:<password>@db/app',
      'mongodb+srv://{{user}}:{{password}}@cluster/',
      'postgresql://app:password@db/app',
      'ssh://git@host/repo.git',
    ],
  },
  find(scan) {
    const { text } = scan
    const findings: Finding[] = []
    for (const start of scan.hits(schemes).ends) {
      userinfo.lastIndex = start
      const { user = '', password } = userinfo.exec(text)?.groups ?? {}
      if (password !== undefined) {
        const end = start + user.length + 1 + password.length
        if (!isPlaceholder(password) && !stopWords.test(password))
          findings.push({ start, end, entity: 'SECRET', score: 0.98 })
        continue
      }
      userOnly.lastIndex = start
      const token = userOnly.exec(text)?.groups?.user
      if (token !== undefined && looksGenerated(token))
        findings.push({ start, end: start + token.length, entity: 'SECRET', score: 0.95 })
    }
    return findings
  },
}
