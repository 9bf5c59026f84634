import { main } from '../src/cli/program.ts'

await main(['dispatcher', ...process.argv.slice(2)])
