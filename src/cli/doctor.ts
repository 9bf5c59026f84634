import type { Command } from 'commander'

const marks = { ok: '✓', warning: '!', problem: '✗' } as const

/** `sluice doctor`: looks at everything that a start needs, and says what to do about what is missing. */
export function registerDoctorCommand(program: Command): void {
  program
    .command('doctor')
    .description('Check Node, configuration, Redis, keys, upstreams and a running API.')
    .option('-c, --config <file>', 'configuration file; default: SLUICE_CONFIG or ./sluice.yaml, if there is one')
    .option('--url <url>', 'API to look for', process.env.SLUICE_URL ?? 'http://127.0.0.1:4000')
    .option('--json', 'print findings as JSON')
    .action(async (flags: { config?: string; url: string; json?: boolean }) => {
      const { examine } = await import('../process/examine.ts')
      const findings = await examine(flags)
      if (flags.json) console.log(JSON.stringify({ findings }, null, 2))
      else
        for (const { check, outcome, detail } of findings)
          console.log(`${marks[outcome]} ${check.padEnd(14)} ${detail}`)
      if (findings.some(({ outcome }) => outcome === 'problem')) process.exitCode = 1
    })
}
