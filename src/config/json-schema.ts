import { z } from 'zod'
import type { ConfigPath } from './problems.ts'
import { configSchema } from './schema.ts'

/** The part of JSON Schema that the configuration's schema consists of. */
export interface JsonSchema {
  readonly [keyword: string]: unknown
  readonly type?: string
  readonly description?: string
  readonly default?: unknown
  readonly enum?: readonly unknown[]
  readonly writeOnly?: boolean
  readonly properties?: Readonly<Record<string, JsonSchema>>
  readonly additionalProperties?: JsonSchema | boolean
  readonly items?: JsonSchema
  readonly anyOf?: readonly JsonSchema[]
}

let described: JsonSchema | undefined

/** The schema of the values, after `${…}` has been replaced. */
export function valueJsonSchema(): JsonSchema {
  described ??= z.toJSONSchema(configSchema, { io: 'input', target: 'draft-7' }) as JsonSchema
  return described
}

/**
 * The schema of the file for editors, as JSON Schema draft 7. Wherever a value has a form, `${…}` may stand in its
 * place.
 */
export function configJsonSchema(): JsonSchema {
  return { ...withReferences(valueJsonSchema()), title: 'sluice.yaml' }
}

/** The schema of the value at a path; undefined where the configuration has no such place. */
export function schemaAt(path: ConfigPath): JsonSchema | undefined {
  let schema: JsonSchema | undefined = valueJsonSchema()
  for (const part of path) schema = schema && childSchema(schema, part)
  return schema
}

function childSchema(schema: JsonSchema, part: string | number): JsonSchema | undefined {
  if (schema.anyOf !== undefined) {
    return schema.anyOf.map((option) => childSchema(option, part)).find((option) => option !== undefined)
  }
  if (typeof part === 'number') return schema.items
  if (schema.properties !== undefined && Object.hasOwn(schema.properties, part)) return schema.properties[part]
  return typeof schema.additionalProperties === 'object' ? schema.additionalProperties : undefined
}

/** The keys that the mapping at a path may have; empty where it may have any. */
export function allowedKeys(path: ConfigPath): readonly string[] {
  const schema = schemaAt(path)
  const options = schema?.anyOf ?? (schema === undefined ? [] : [schema])
  return options.flatMap((option) => Object.keys(option.properties ?? {}))
}

const reference = { type: 'string', pattern: '\\$\\{' }
const annotations = ['description', 'default', 'writeOnly']

/** Lets `${…}` stand for every value that is not text already, or is text of a certain form. */
function withReferences(schema: JsonSchema): JsonSchema {
  if (schema.type === 'object' || schema.type === 'array' || schema.anyOf !== undefined) return mapChildren(schema)
  const entries = Object.entries(schema)
  const constraints = entries.filter(([keyword]) => !annotations.includes(keyword))
  if (constraints.length === 1 && schema.type === 'string') return schema
  return {
    ...Object.fromEntries(entries.filter(([keyword]) => annotations.includes(keyword))),
    anyOf: [Object.fromEntries(constraints), reference],
  }
}

function mapChildren(schema: JsonSchema): JsonSchema {
  const { properties, additionalProperties, items, anyOf } = schema
  return {
    ...schema,
    ...(properties && {
      properties: Object.fromEntries(Object.entries(properties).map(([key, child]) => [key, withReferences(child)])),
    }),
    ...(typeof additionalProperties === 'object' && { additionalProperties: withReferences(additionalProperties) }),
    ...(items && { items: withReferences(items) }),
    ...(anyOf && { anyOf: anyOf.map(withReferences) }),
  }
}
