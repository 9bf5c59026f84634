/**
 * Azure OpenAI: OpenAI's dialect under a resource's own host, with the key in `api-key`. There are two ways to it
 * (learn.microsoft.com, "Azure OpenAI v1 API" and "Azure OpenAI REST API reference"):
 *
 * - without a version, the v1 API of August 2025 and later: `/openai/v1/chat/completions`, the deployment's name in the
 *   body as `model`; `preview` asks for what is not general yet;
 * - with a dated version (`2024-10-21`): `/openai/deployments/<deployment>/chat/completions?api-version=…`
 */
import type { Provider } from '../core/provider.ts'
import { createOpenAiCompatibleProvider } from './openai-compatible.ts'
import type { UpstreamOptions } from './upstream-options.ts'

const datedVersionPattern = /^\d{4}-/

/** `options.baseUrl` is the resource's, such as `https://name.openai.azure.com`, with or without `/openai` or `/openai/v1`. */
export function createAzureProvider(options: UpstreamOptions, apiVersion: string | null): Provider {
  const baseUrl = azureBaseUrl(options.baseUrl, options.model, apiVersion)
  return createOpenAiCompatibleProvider({ ...options, baseUrl, keyHeader: 'api-key' })
}

function azureBaseUrl(resourceUrl: string, deployment: string, apiVersion: string | null): string {
  const url = new URL(resourceUrl)
  const resource = url.pathname.replace(/\/{1,8}$/, '').replace(/\/openai(?:\/v1)?$/, '')
  const isDated = apiVersion !== null && datedVersionPattern.test(apiVersion)
  url.pathname = isDated ? `${resource}/openai/deployments/${encodeURIComponent(deployment)}` : `${resource}/openai/v1`
  // The version goes with each call; without one the v1 API needs none.
  if (apiVersion !== null && apiVersion !== 'v1') url.searchParams.set('api-version', apiVersion)
  return url.href
}
