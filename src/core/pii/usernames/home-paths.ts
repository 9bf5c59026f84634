import type { Scan } from '../scan.ts'
import { wordSet } from '../word-set.ts'
import type { Stretch } from './log-lines.ts'
import { isUserName } from './user-names.ts'

/** Folders whose children are called after users. */
const homes = wordSet(
  ['/home/', '/users/', '/export/home/', '\\users\\', '\\\\users\\\\', '/staging/', '/done_intermediate/'],
  {
    whole: false,
  },
)
const moreHomes = wordSet(
  ['documents and settings\\', '/var/spool/mail/', '/var/mail/', '/var/spool/cron/', '/run/user/'],
  {
    whole: false,
  },
)
const hdfsHomes = wordSet(['hdfs://', 'maprfs://', 'viewfs://'], { whole: false })
// National laboratories and universities: /g/g20/ada, /p/gb2/ada, /u/ada, /afs/cell/user/a/ada.
const numberedHomes = wordSet(
  ['/g/g', '/p/', '/nfs/', '/lustre/', '/scratch/', '/bglscratch/', '/gpfs/', '/work/users/'],
  {
    whole: false,
  },
)
const tilde = wordSet(['~'], { whole: false })

const child = /(?<name>[A-Za-z0-9_][\w.@+-]{0,63})(?=[\\/"'\s:,;)\]>]|$|\\)/y
const hdfsChild = /[\w.:-]{1,100}\/user\/(?<name>[A-Za-z_][\w.-]{0,63})(?=[/\s"']|$)/y
const numberedChild =
  /(?<=\/g\/g)\d{1,3}\/(?<name>[a-z][\w.-]{1,31})\/|(?<=\/p\/)(?:gb|gscratch|lscratch|lustre|gpfs|home)\w{0,4}\/(?<name2>[a-z][\w.-]{1,31})\/|(?<=\/bglscratch\/)(?<name3>[a-z][\w.-]{1,31})\/|(?<=\/(?:scratch|lustre|nfs|gpfs)\/)(?:home|users?|u)\/(?<name4>[a-z][\w.-]{1,31})(?=[/\s"']|$)/y
const tildeChild = /(?<name>[A-Za-z_][\w.-]{1,31})(?=\/)/y
const file = /\.(?:html?|php|jsp|aspx?|css|js|png|jpe?g|gif|ico|xml|json|txt|log|conf|cfg|sh|py|zip|gz)$/i

/** Names of users in paths of home folders. */
export function findInHomePaths(scan: Scan): Stretch[] {
  const { text } = scan
  const found: Stretch[] = []
  const note = (pattern: RegExp, from: number) => {
    pattern.lastIndex = from
    const match = pattern.exec(text)
    const { name, name2, name3, name4 } = match?.groups ?? {}
    const written = name ?? name2 ?? name3 ?? name4
    if (!match || written === undefined || !isUserName(written) || file.test(written)) return
    const start = match.index + match[0].lastIndexOf(written)
    found.push({ start, end: start + written.replace(/[.:]+$/, '').length })
  }
  for (const set of [homes, moreHomes]) {
    const { starts, ends } = scan.hits(set)
    for (const [index, start] of starts.entries()) {
      if (isRoot(text, start)) note(child, ends[index] ?? start)
    }
  }
  for (const end of scan.hits(hdfsHomes).ends) note(hdfsChild, end)
  for (const end of scan.hits(numberedHomes).ends) note(numberedChild, end)
  const { starts, ends } = scan.hits(tilde)
  for (const [index, start] of starts.entries()) {
    // Personal pages have it in their addresses, and an address stays whole.
    if (/[\s"'=:(]/.test(text[start - 1] ?? ' ') || (text[start - 1] === '/' && isRoot(text, start)))
      note(tildeChild, ends[index] ?? start)
  }
  return found
}

/**
 * Whether a folder stands at the root, on a drive, or in another system's tree. `https://shop.example/home/sale` is a
 * page, and `GET /home/sale` too.
 */
function isRoot(text: string, start: number): boolean {
  const before = text.slice(Math.max(0, start - 64), start)
  return (
    !/(?:GET|POST|PUT|HEAD|DELETE|PATCH) [^\s]{0,60}$|:\/\/[^\s/]{0,60}(?:\/[^\s]{0,40})?$|[\w)]\.[a-z]{2,10}$/.test(
      before,
    ) || /hdfs:\/\/|file:\/\/[^\s]{0,40}$/.test(before)
  )
}
