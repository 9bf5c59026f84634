/** Accounts that come with a system and name nobody. */
const systemUsers = new Set(
  [
    'root daemon bin sys sync games man lp mail news uucp proxy www-data backup list irc gnats nobody nogroup cyrus ftp',
    'systemd-network systemd-resolve systemd-timesync messagebus syslog sshd ntp chrony postfix dovecot named bind mysql',
    'postgres postgresql mongodb redis apache apache2 httpd nginx tomcat jenkins docker ubuntu ec2-user centos debian',
    'fedora admin administrator adm guest anonymous user test system local localhost public shared wheel halt',
    'shutdown operator_system nfsnobody rpc rpcuser dbus haldaemon avahi polkitd tcpdump elasticsearch kibana logstash',
    'kafka zookeeper hadoop hdfs yarn spark hive default-user defaultuser everyone all users',
  ].flatMap((line) => line.split(' ')),
)

/** Words that follow `user` and `account` in sentences, or stand for a value. */
const ordinaryWords = new Set(
  [
    'from with for and or not is was has had have be been the a an to in on at by of as via unknown invalid illegal none null',
    'nil undefined true false data request requests authentication authorization account accounts name names agent id ids',
    'interface input output level mode group groups session sessions space process password key keys token profile role roles',
    'type list table info information service services settings string str text int integer object required optional error',
    'failed failure logged login logout log connected disconnected created deleted updated changed added removed does did',
    'will can cannot could may must should would who that this which when while if then than but are were has-been yes no',
    'database server client host application app system management manager experience experiences story stories guide',
    'manual mapping directory dir path file files home email mail phone address username usernames userid user users owner',
    'value field fields here there your my our their his her its it he she they you we i me him them whose any each every',
    'new old current another same other own first last next only also just never always again after before since until',
    'signed sign registration registered register verified verification access permissions permission rights credentials',
    'default online offline active inactive blocked locked disabled enabled denied granted allowed accepted rejected expired',
  ].flatMap((line) => line.split(' ')),
)

/** Whether a name that something introduces is one of a person rather than of a system, or a word. */
export function isUserName(name: string, options: { mayBeWord?: boolean } = {}): boolean {
  const plain = name.toLowerCase().replace(/[.,:;]+$/, '')
  if (plain === '' || plain.length > 64 || systemUsers.has(plain) || placeholder.test(name)) return false
  return options.mayBeWord ? plain !== 'from' : !ordinaryWords.has(plain)
}

const placeholder = /^[<[{($%]|[>\]})%]$|^\*+$|^x+$|^_+$|^-+$|^your|^#\d*#$|\$\{|^\.{1,3}$/i
