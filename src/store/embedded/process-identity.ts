import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { promisify } from 'node:util'

/**
 * When a process started, in words of the operating system: together with its number it names one process, because a
 * number alone is soon given to another. Undefined when the process is dead, or only waits to be reaped.
 */
export async function processStartedAt(pid: number): Promise<string | undefined> {
  return process.platform === 'linux' ? readFromProc(pid) : askPs(pid)
}

async function readFromProc(pid: number): Promise<string | undefined> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined)
  // The second field is the command in parentheses and may itself hold spaces; the state is the third, the start time
  // in clock ticks since boot the twenty-second.
  const fields = text?.slice(text.lastIndexOf(')') + 2).split(' ')
  return fields?.[0] === 'Z' ? undefined : fields?.[19]
}

async function askPs(pid: number): Promise<string | undefined> {
  try {
    const { stdout } = await promisify(execFile)('ps', ['-o', 'stat=,lstart=', '-p', String(pid)])
    const [state, ...startedAt] = stdout.trim().split(/\s+/)
    return state?.startsWith('Z') ? undefined : startedAt.join(' ')
  } catch {
    // ps fails for a number that no process has.
    return undefined
  }
}
