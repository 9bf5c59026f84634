import { main } from '../src/cli/program.ts'

await main(['auditor', ...process.argv.slice(2)])
