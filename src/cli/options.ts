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

export function parsePositiveInteger(text: string): number {
  const number = Number(text)
  if (!/^\d+$/.test(text) || number < 1) throw new InvalidArgumentError('Expected a whole number from 1.')
  return number
}
