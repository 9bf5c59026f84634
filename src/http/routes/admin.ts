import type { FastifyInstance } from 'fastify'
import type { ArchiveReader, RecordTail } from '../../core/record-archive.ts'
import type { UsageReader } from '../../core/usage.ts'
import type { ExplainDeps } from '../../pipeline/explain-route.ts'
import type { AdminKey } from '../admin-key.ts'
import { registerAdminAuditRoutes } from './admin-audit.ts'
import { type BudgetReader, registerAdminBudgetRoutes } from './admin-budgets.ts'
import { type AdminLaneDeps, registerAdminLaneRoutes } from './admin-lanes.ts'
import { registerAdminLedgerRoutes } from './admin-ledger.ts'
import { type AdminNodeDeps, registerAdminNodeRoutes } from './admin-nodes.ts'
import { registerAdminRouteRoutes } from './admin-route.ts'
import { type AdminTenantDeps, registerAdminTenantRoutes } from './admin-tenants.ts'
import { registerAdminUsageRoutes } from './admin-usage.ts'

export interface AdminDeps extends AdminNodeDeps, AdminLaneDeps, AdminTenantDeps {
  /** Null where none is configured: then there is no admin API. */
  readonly adminKey: AdminKey | null
  readonly usage: UsageReader
  readonly budgets: BudgetReader
  readonly archive: ArchiveReader
  readonly tail: RecordTail
  readonly route: ExplainDeps
}

/** What operators ask: usage, ledger, audit trail. */
export function registerAdminRoutes(app: FastifyInstance, deps: AdminDeps): void {
  const { adminKey } = deps
  if (!adminKey) return
  app.addHook('onRequest', (request, _reply, done) => {
    if (request.routeOptions.url?.startsWith('/admin/')) adminKey.check(request)
    done()
  })
  registerAdminUsageRoutes(app, deps)
  registerAdminBudgetRoutes(app, deps)
  registerAdminLedgerRoutes(app, deps)
  registerAdminAuditRoutes(app, deps)
  registerAdminRouteRoutes(app, deps)
  registerAdminNodeRoutes(app, deps)
  registerAdminLaneRoutes(app, deps)
  registerAdminTenantRoutes(app, deps)
}
