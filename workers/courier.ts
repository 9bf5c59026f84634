import { main } from '../src/cli/program.ts'

await main(['courier', ...process.argv.slice(2)])
