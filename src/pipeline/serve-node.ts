import type { NodeCall } from '../protocol/node-calls.ts'
import type { NodeHandler, NodeServiceDeps } from './node-service.ts'
import { attemptHandlers } from './serve-node-attempts.ts'
import { gateHandlers } from './serve-node-gates.ts'
import { leaseHandlers } from './serve-node-leases.ts'

export type NodeHandlers = { readonly [Call in NodeCall]: NodeHandler<Call> }

/**
 * The broker's side of a node that works over HTTPS: each call is one step of what a dispatcher does with Redis. Nothing
 * is kept between two calls, so a node's calls may reach any process of the API.
 */
export function serveNodes(deps: NodeServiceDeps): NodeHandlers {
  return { ...leaseHandlers(deps), ...attemptHandlers(deps), ...gateHandlers(deps) }
}
