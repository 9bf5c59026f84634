import { describe, expect, it } from 'vitest'
import { detect } from '../../src/core/pii/detect.ts'

function userNamesIn(text: string): string[] {
  return detect(text)
    .filter(({ entity }) => entity === 'USERNAME')
    .map(({ start, end }) => text.slice(start, end))
}

describe('user names in logs', () => {
  it.each([
    ['sshd[1]: Invalid user mallory from 192.0.2.7', 'mallory'],
    ['sshd[1]: Invalid user 1234 from 192.0.2.7', '1234'],
    ['sshd[1]: Failed password for invalid user default from 192.0.2.7 port 22 ssh2', 'default'],
    ['sshd[1]: Failed none for invalid user mallory from 192.0.2.7 port 22 ssh2', 'mallory'],
    ['sshd[1]: Accepted publickey for ada from 192.0.2.7 port 22 ssh2: RSA SHA256:x', 'ada'],
    ['sshd[1]: Failed keyboard-interactive/pam for ada from 192.0.2.7 port 22 ssh2', 'ada'],
    ['sshd[1]: Connection closed by authenticating user ada 192.0.2.7 port 22 [preauth]', 'ada'],
    ['sshd[1]: User ada from 192.0.2.7 not allowed because not listed in AllowUsers', 'ada'],
    ['sshd[1]: error: maximum authentication attempts exceeded for ada from 192.0.2.7', 'ada'],
    ['systemd-logind[2]: New session 4 of user ada.', 'ada'],
    ['pam_unix(sshd:session): session opened for user ada(uid=1000) by (uid=0)', 'ada'],
    ['pam_unix(passwd:chauthtok): password changed for ada', 'ada'],
    ['authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=192.0.2.7  user=ada', 'ada'],
    ['sudo:      ada : TTY=pts/0 ; PWD=/tmp ; USER=root ; COMMAND=/usr/bin/id', 'ada'],
    ['su[9]: (to root) ada on pts/0', 'ada'],
    ['CRON[77]: (ada) CMD (/usr/local/bin/report)', 'ada'],
    ['useradd[5]: new user: name=ada, UID=1001, GID=1001', 'ada'],
    ['type=USER_LOGIN msg=audit(1): acct="ada" exe="/usr/sbin/sshd"', 'ada'],
    ['ciod: Error loading /home/ada/a.out: invalid or missing program image', 'ada'],
    ['ciod: LOGIN chdir(/g/g12/lovelace/src) failed: No such file', 'lovelace'],
    ['open file:///Users/ada/Library/x', 'ada'],
    ['at C:\\Users\\ada\\work\\main.cs:12', 'ada'],
    ['{"path":"C:\\\\Users\\\\ada\\\\x"}', 'ada'],
    ['hdfs://node-1:9000/user/ada/part-0', 'ada'],
    ['Subject: Account Name:\t\tada', 'ada'],
    ['192.0.2.7 - ada [10/Oct/2026:13:55:36 +0000] "GET /x HTTP/1.1" 200 5', 'ada'],
    ['ssh -p 2222 ada@server', 'ada'],
    ['{"userName": "ada.lovelace", "n": 1}', 'ada.lovelace'],
    ['SMTP_USER=mailer42', 'mailer42'],
    ['Benutzername: alovelace', 'alovelace'],
  ])('are found: %s', (line, name) => {
    expect(userNamesIn(line)).toEqual([name])
  })

  it.each([
    'Failed password for root from 192.0.2.7 port 22 ssh2',
    'session opened for user www-data by (uid=0)',
    'sudo:     root : TTY=pts/0 ; PWD=/root ; USER=root ; COMMAND=/bin/ls',
    'CRON[77]: (root) CMD (run-parts /etc/cron.hourly)',
    'check pass; user unknown',
    'Received disconnect: 11: Closed due to user request. [preauth]',
    'error: no more user authentication methods available',
    'ActivityManager: START u0 cmp=com.example/.Main from uid 10013 on display 0',
    'UserManagerService: user 0 switched, userId=0',
    'GET /home/index.html HTTP/1.1',
    'https://shop.example/users/settings/page',
    'SYSTEM: the user service started in 12 ms',
    'User: Hello, can you help me?',
    'const user = getUser(request)',
    'user_id: 0736f5ef-7e88-499a-80cc-90c85d2a5180',
  ])('are not seen in: %s', (line) => {
    expect(userNamesIn(line)).toEqual([])
  })
})
