/** `eu.anthropic.claude-sonnet-4-20250514-v1:0`: a region to infer in, the vendor, its name, Bedrock's own version. */
const pattern =
  /^(?:(?<place>[a-z]{2,6}(?:-gov)?)\.)?anthropic\.(?<name>claude-[a-z\d-]{1,60}?)(?:-v\d{1,2}(?::\d{1,4}[a-z\d:]{0,10})?)?$/

/** From Claude 4.5 on, what stays in a region costs a tenth more there; before that it cost what Anthropic asks. */
const pricedAlike = /^claude-(?:3-|(?:opus|sonnet)-4(?:-[01])?(?:-\d{8})?$)/

/**
 * Anthropic's own name of one of its models on Bedrock, where Bedrock asks the same price; null for any other. Names of
 * inference profiles that an account has made say nothing about the model.
 */
export function claudeOnBedrock(model: string): string | null {
  const { place, name } = pattern.exec(model)?.groups ?? {}
  if (name === undefined) return null
  return place === 'global' || pricedAlike.test(name) ? name : null
}
