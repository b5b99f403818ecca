/**
 * What the protocol needs from whoever holds the two documents of a room.
 *
 * It knows bytes, heads and epochs; it does not know cells, Automerge's types
 * or JupyterLab.
 */
import type { ISignal } from '@lumino/signaling';

export type DocName = 'notebook' | 'runtime';

/**
 * What was re-applied when a replica moved onto a fresh document.
 *
 * Cell ids, each in one list per kind of intent. `dropped` names what could
 * not be kept, with the reason in plain words, so that it can be shown.
 */
export interface Rebased {
  edited: string[];
  added: string[];
  deleted: string[];
  moved: string[];
  /** `cell id` + ' ' + key for cells, the bare key for the notebook. */
  metadata: string[];
  /** Cells that others deleted meanwhile and that came back because they held local typing. */
  revived: string[];
  dropped: { cell: string; reason: string }[];
}

export interface Replica {
  /** The epoch that was loaded, null while nothing is. */
  epoch(doc: DocName): string | null;
  /** Sorted hex change hashes; empty while nothing is loaded. */
  heads(doc: DocName): string[];
  /**
   * Replaces the document by a whole one and the changes that follow it, and tells of both as one;
   * wrappers and editors stay alive.
   */
  load(doc: DocName, epoch: string, data: Uint8Array, changes?: readonly Uint8Array[]): void;
  /** Applies concatenated change chunks that came from elsewhere. Throws on bytes that are not changes. */
  apply(doc: DocName, data: Uint8Array): void;
  /** Notebook changes that are not among the ancestors of `heads`, oldest first. */
  changesSince(heads: string[]): Uint8Array[];
  /** Whether the notebook has this change. */
  has(change: Uint8Array): boolean;
  /** Whether the notebook's history has all of these heads. */
  knows(heads: readonly string[]): boolean;
  /** The whole document as Automerge saves it. */
  save(doc: DocName): Uint8Array;
  /** The actor of local changes from now on. */
  setActor(actor: Uint8Array): void;
  /**
   * Moves onto `fresh`, keeping what the changes `own` (made here, oldest first) meant: those that
   * `fresh` lacks become one new local change on top (announced by `localChanged`).
   */
  rebase(own: Uint8Array[], epoch: string, fresh: Uint8Array): Rebased;
  /** The bytes of each local notebook change, right after it was made. */
  readonly localChanged: ISignal<Replica, Uint8Array>;
}
