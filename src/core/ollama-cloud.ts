/**
 * Whether a model's name says that ollama.com serves it: tags such as `gpt-oss:120b-cloud` and `glm-4.6:cloud`. An
 * Ollama on the loopback sends what such a model is asked to somebody else's machines. A name that says nothing proves
 * nothing: a copy under another name still has its `remote_host`.
 */
export function isCloudTag(model: string): boolean {
  const tag = model.slice(model.lastIndexOf(':') + 1)
  return tag === 'cloud' || tag.endsWith('-cloud')
}
