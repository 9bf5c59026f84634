import { readdir, readFile, utimes, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import path from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { type ClaimedFolder, claimDataFolder } from '../../src/store/embedded/data-folder.ts'
import { processStartedAt } from '../../src/store/embedded/process-identity.ts'
import { createDataDir } from '../support/embedded-redis.ts'

const dead = { pid: process.pid, startedAt: 'long before this process' }

async function claim(folder: string): Promise<ClaimedFolder> {
  const claimed = await claimDataFolder(folder)
  onTestFinished(() => claimed.release())
  return claimed
}

async function folderOwnedBy(owner: object | string): Promise<{ folder: string; file: string }> {
  const folder = await createDataDir()
  const file = path.join(folder, 'owner.json')
  await writeFile(file, typeof owner === 'string' ? owner : JSON.stringify(owner))
  return { folder, file }
}

it('a folder has one owner at a time', async () => {
  const folder = await createDataDir()
  const first = await claim(folder)
  await expect(claim(folder)).rejects.toThrow(`in use by process ${process.pid}`)
  await first.release()
  await claim(folder)
  await first.release()
  await expect(claim(folder)).rejects.toThrow('in use')
})

it('of many that succeed a dead owner at once exactly one does', async () => {
  const { folder } = await folderOwnedBy({ claim: 'earlier', host: hostname(), owner: dead })
  const claims = await Promise.allSettled(Array.from({ length: 10 }, () => claim(folder)))

  expect(claims.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
  expect(await readdir(folder)).toEqual(['owner.json'])
})

it('a process number that was given to another process does not keep a folder', async () => {
  const { folder, file } = await folderOwnedBy({ claim: 'earlier', host: hostname(), owner: dead })
  await claim(folder)

  const { owner } = JSON.parse(await readFile(file, 'utf8'))
  expect(owner).toEqual({ pid: process.pid, startedAt: await processStartedAt(process.pid) })
})

it('a note that a crash cut short does not keep a folder', async () => {
  const { folder } = await folderOwnedBy('{"host": "her')
  await claim(folder)
})

it('an owner on another host keeps its folder as long as it shows signs of life', async () => {
  const { folder, file } = await folderOwnedBy({
    claim: 'earlier',
    host: 'elsewhere',
    owner: { pid: 1, startedAt: 'then' },
  })
  const signs = setInterval(() => utimes(file, new Date(), new Date()), 500)
  onTestFinished(() => clearInterval(signs))

  await expect(claim(folder)).rejects.toThrow('in use by process 1 on elsewhere')
})

it('an owner on another host that fell silent is succeeded', async () => {
  const { folder, file } = await folderOwnedBy({
    claim: 'earlier',
    host: 'elsewhere',
    owner: { pid: 1, startedAt: 'then' },
  })
  const aMinuteAgo = new Date(Date.now() - 60_000)
  await utimes(file, aMinuteAgo, aMinuteAgo)

  await claim(folder)
})
