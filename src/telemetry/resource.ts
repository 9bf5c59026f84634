import {
  defaultResource,
  detectResources,
  type Resource,
  resourceAttributesEnvDetector,
  resourceFromAttributes,
  serviceNameEnvDetector,
} from '@opentelemetry/resources'

/**
 * Who reports: the role and node, and what `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES` add or override. The SDK's
 * other detectors stay off: they would report the command line, which may hold a key.
 */
export function describeProcess(process: { role: string; node: string }): Resource {
  return defaultResource()
    .merge(
      resourceFromAttributes({
        'service.name': 'sluice',
        'sluice.role': process.role,
        'sluice.node': process.node,
      }),
    )
    .merge(detectResources({ detectors: [resourceAttributesEnvDetector, serviceNameEnvDetector] }))
}
