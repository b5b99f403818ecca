/** Automerge's WebAssembly from the installed package; the frozen seeds as documents. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Doc } from '../../src/document/automerge';
import { load, startAutomerge } from '../../src/document/automerge';
import type { DocName } from '../../src/document/replica';
import type { NotebookNode, RuntimeNode } from '../../src/document/schema';
import { seed } from '../../src/document/seeds';

const require = createRequire(import.meta.url);

export async function startWasm(): Promise<void> {
  await startAutomerge(() =>
    Uint8Array.from(readFileSync(require.resolve('@automerge/automerge/automerge.wasm')))
  );
}

/** Returns an actor whose last two bytes are the number. */
export function actorOf(n: number): Uint8Array {
  const actor = new Uint8Array(16).fill(0xab);
  actor[14] = n >> 8;
  actor[15] = n & 255;
  return actor;
}

export function hex(bytes: Uint8Array): string {
  return Array.from(bytes, byte => byte.toString(16).padStart(2, '0')).join('');
}

export async function seedBytes(): Promise<Record<DocName, Uint8Array>> {
  await startWasm();
  return { notebook: await seed('notebook'), runtime: await seed('runtime') };
}

export function notebookDoc(data: Uint8Array, actor: number): Doc<NotebookNode> {
  return load<NotebookNode>(data, { actor: hex(actorOf(actor)) });
}

export function runtimeDoc(data: Uint8Array, actor: number): Doc<RuntimeNode> {
  return load<RuntimeNode>(data, { actor: hex(actorOf(actor)) });
}

/** Returns a function that draws integers below `n`; the seed determines the sequence. */
export function dice(start: number): (n: number) => number {
  let state = (start * 2654435761) >>> 0 || 1;
  return n => {
    state ^= state << 13;
    state >>>= 0;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state % n;
  };
}
