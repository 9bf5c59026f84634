/**
 * The part of WebAssembly that the embedded Valkey needs, typed. Node's types do not declare it, and the DOM's come
 * with the whole browser.
 */
/** Opaque: compiled code. */
export type WasmModule = object

export interface WasmMemory {
  /** Another one after every growth. */
  readonly buffer: ArrayBuffer
}

interface WasmApi {
  readonly Module: new (bytes: Buffer) => WasmModule
  readonly Instance: new (
    module: WasmModule,
    imports: Readonly<Record<string, object>>,
  ) => { readonly exports: Readonly<Record<string, unknown>> }
  readonly Memory: new (descriptor: { initial: number }) => WasmMemory
  readonly Tag: new (type: { parameters: readonly string[] }) => object
}

export const webAssembly = (globalThis as unknown as { readonly WebAssembly: WasmApi }).WebAssembly
