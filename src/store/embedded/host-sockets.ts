/**
 * The sockets that valkey.wasm calls its host for. The module has no network of its own: it numbers its connections,
 * asks `poll` which of them have something for it, and reads and writes through its linear memory. The functions below
 * are its import table `host`, found by reading the module; the JavaScript that ships with it is not used, because it
 * runs the server once per event and never reuses a number (100 ms per command, dead after 6,000 connections).
 */

/** What Valkey needs of a connection. `net.Socket` is one. */
export interface Line {
  /** @returns false when the far side is slow and nothing more should be written before `drained`. */
  write(bytes: Buffer): boolean
  /** Closes after everything written has left. */
  destroySoon(): void
  pause(): unknown
  resume(): unknown
}

interface Peer {
  readonly line: Line
  readonly received: Buffer[]
  /** How far the first of `received` has been read. */
  offset: number
  receivedBytes: number
  paused: boolean
  ended: boolean
  writable: boolean
}

/** What the owner of a line tells about it. */
export interface PeerEvents {
  received(bytes: Buffer): void
  drained(): void
  ended(): void
}

// The module takes lower numbers for its files.
const firstFd = 4096
const readable = 1
const writable = 2
// A poll entry is two 32-bit integers: number and mask.
const pollEntryBytes = 8
// A client that sends faster than the server reads is held back by TCP, not buffered without limit.
const pauseAboveBytes = 4 << 20
const resumeBelowBytes = 1 << 20

export class HostSockets {
  readonly #memory: () => Buffer
  readonly #wake: () => void
  readonly #peers = new Map<number, Peer>()
  readonly #arriving: number[] = []
  readonly #freeFds: number[] = []
  #nextFd = firstFd
  #listenerFd: number | undefined
  #exclusiveFd: number | undefined

  /** `memory` views the module's memory, which moves when it grows; `wake` is called when there is work for it. */
  constructor(memory: () => Buffer, wake: () => void) {
    this.#memory = memory
    this.#wake = wake
  }

  /** Hands a new connection to the server. */
  attach(line: Line): PeerEvents {
    const fd = this.#takeFd()
    this.#arriving.push(fd)
    return this.#open(fd, line)
  }

  /** Like `attach`, but until `closeAll` or `endExclusive` the server sees nothing of any other connection. */
  attachExclusive(line: Line): PeerEvents {
    const fd = this.#takeFd()
    this.#arriving.unshift(fd)
    this.#exclusiveFd = fd
    return this.#open(fd, line)
  }

  endExclusive(): void {
    this.#exclusiveFd = undefined
    this.#wake()
  }

  closeAll(): void {
    for (const peer of this.#peers.values()) peer.line.destroySoon()
    this.#peers.clear()
    this.#arriving.length = 0
  }

  imports() {
    return {
      socket: () => this.#takeFd(),
      listen: (fd: number) => {
        this.#listenerFd = fd
        return 0
      },
      accept: () => this.#arriving.shift() ?? -1,
      read: (fd: number, pointer: number, length: number) => this.#read(fd, pointer, length),
      write: (fd: number, pointer: number, length: number) => this.#write(fd, pointer, length),
      close: (fd: number) => this.#close(fd),
      poll: (interest: number, count: number, fired: number, max: number) => this.#poll(interest, count, fired, max),
    }
  }

  #takeFd(): number {
    return this.#freeFds.pop() ?? this.#nextFd++
  }

  #open(fd: number, line: Line): PeerEvents {
    const peer: Peer = { line, received: [], offset: 0, receivedBytes: 0, paused: false, ended: false, writable: true }
    this.#peers.set(fd, peer)
    this.#wake()
    return {
      received: (bytes) => {
        peer.received.push(bytes)
        peer.receivedBytes += bytes.length
        if (peer.receivedBytes > pauseAboveBytes && !peer.paused) {
          peer.paused = true
          line.pause()
        }
        this.#wake()
      },
      drained: () => {
        peer.writable = true
        this.#wake()
      },
      ended: () => {
        peer.ended = true
        this.#wake()
      },
    }
  }

  /** @returns bytes read, 0 at the end of the stream, -1 when there is nothing yet. */
  #read(fd: number, pointer: number, length: number): number {
    const peer = this.#peers.get(fd)
    if (!peer) return -1
    const memory = this.#memory()
    let copied = 0
    for (let head = peer.received[0]; head && copied < length; head = peer.received[0]) {
      const bytes = Math.min(head.length - peer.offset, length - copied)
      head.copy(memory, pointer + copied, peer.offset, peer.offset + bytes)
      copied += bytes
      peer.offset += bytes
      if (peer.offset < head.length) break
      peer.received.shift()
      peer.offset = 0
    }
    if (copied === 0) return peer.ended ? 0 : -1
    peer.receivedBytes -= copied
    if (peer.paused && peer.receivedBytes < resumeBelowBytes) {
      peer.paused = false
      peer.line.resume()
    }
    return copied
  }

  #write(fd: number, pointer: number, length: number): number {
    const peer = this.#peers.get(fd)
    if (!peer || peer.ended) return -1
    // A copy: the module reuses this memory as soon as the call returns.
    peer.writable = peer.line.write(Buffer.from(this.#memory().subarray(pointer, pointer + length)))
    return length
  }

  #close(fd: number): void {
    const peer = this.#peers.get(fd)
    if (!peer) return
    peer.line.destroySoon()
    this.#peers.delete(fd)
    this.#freeFds.push(fd)
  }

  #poll(interest: number, count: number, fired: number, max: number): number {
    const memory = this.#memory()
    let found = 0
    for (let entry = 0; entry < count && found < max; entry++) {
      const fd = memory.readInt32LE(interest + entry * pollEntryBytes)
      const ready = this.#readiness(fd) & memory.readInt32LE(interest + entry * pollEntryBytes + 4)
      if (!ready) continue
      memory.writeInt32LE(fd, fired + found * pollEntryBytes)
      memory.writeInt32LE(ready, fired + found * pollEntryBytes + 4)
      found++
    }
    return found
  }

  #readiness(fd: number): number {
    if (fd === this.#listenerFd) return this.#arriving.length > 0 ? readable : 0
    const peer = this.#peers.get(fd)
    if (!peer || (this.#exclusiveFd !== undefined && fd !== this.#exclusiveFd)) return 0
    return (peer.received.length > 0 || peer.ended ? readable : 0) | (peer.writable ? writable : 0)
  }
}
