import { type Command, InvalidArgumentError } from 'commander'

/** `--config FILE`, by default `SLUICE_CONFIG` or `./sluice.yaml`. */
export function configFileOption(command: Command): Command {
  return command.option('-c, --config <file>', 'configuration file', process.env.SLUICE_CONFIG ?? 'sluice.yaml')
}

export function parsePort(text: string): number {
  const port = Number(text)
  if (!/^\d+$/.test(text) || port > 65_535) throw new InvalidArgumentError('Expected a port from 0 to 65535.')
  return port
}

/** What stands in gates, routes of the API and logs, so it needs no escaping in any of them. */
export function parseNodeName(text: string): string {
  if (/^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/.test(text)) return text
  throw new InvalidArgumentError('Expected 1 to 100 letters, digits, ".", "_" or "-", a letter or digit first.')
}

export function parsePositiveInteger(text: string): number {
  const number = Number(text)
  if (!/^\d+$/.test(text) || number < 1) throw new InvalidArgumentError('Expected a whole number from 1.')
  return number
}
