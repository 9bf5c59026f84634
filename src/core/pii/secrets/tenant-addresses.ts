import type { Finding } from '../recognizer.ts'
import type { Scan } from '../scan.ts'
import { wordSet } from '../word-set.ts'

/** Services that give each customer an address of its own. */
const services = wordSet(
  [
    ...['.jfrog.io', '.my.salesforce.com', '.salesforce.com', '.snowflakecomputing.com', '.supabase.co', '.okta.com'],
    ...['.online.tableau.com', '.database.windows.net', '.documents.azure.com', '.vault.azure.net', '.mongodb.net'],
    ...['.azurecr.io', '.cloud.databricks.com', '.azuredatabricks.net', '.rds.amazonaws.com', '.redislabs.com'],
  ],
  { whole: false },
)
const assigned =
  /(?<=[:=][ \t]{0,4}\\?["'`]?(?<address>(?:https:\/\/)?[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?){0,4}))\./iy
const pages = /(?:^|\/)(?:www|login|test|help|developer|developers|docs|status|support|trust|app|api|go|info)$/i

/** Where a customer's data lies, in the configuration of what uses it. */
export function findTenantAddresses(scan: Scan): Finding[] {
  const { text } = scan
  const { starts, ends } = scan.hits(services)
  const findings: Finding[] = []
  for (const [index, at] of starts.entries()) {
    const end = ends[index] ?? at
    if (/^[\w-]|^\.\w/.test(text.slice(end, end + 2))) continue
    assigned.lastIndex = at
    const address = assigned.exec(text)?.groups?.address
    if (address === undefined || pages.test(address)) continue
    findings.push({ start: at - address.length, end, entity: 'SECRET', score: 0.96 })
  }
  return findings
}
