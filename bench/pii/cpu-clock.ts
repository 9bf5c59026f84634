/** CPU time that this thread has used, in ms: others on the machine don't count. */
export function cpuMs(): number {
  const { user, system } = process.threadCpuUsage()
  return (user + system) / 1000
}
