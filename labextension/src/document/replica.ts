/**
 * The interface between the protocol and the holder of a room's two documents.
 *
 * It knows bytes, heads and epochs; it does not know cells, Automerge's types or JupyterLab.
 */
import type { ISignal } from '@lumino/signaling';

export type DocName = 'notebook' | 'runtime';

/**
 * The edits that a replica re-applied when it moved onto a fresh document.
 *
 * Cell ids, each in one list per kind of edit. `dropped` names the edits that could not be kept,
 * each with a reason that can be shown to users.
 */
export interface Rebased {
  edited: string[];
  added: string[];
  deleted: string[];
  moved: string[];
  /** `cell id` + ' ' + key for cells, the bare key for the notebook. */
  metadata: string[];
  /** Cells that others deleted, and that came back because they held local typing. */
  revived: string[];
  dropped: { cell: string; reason: string }[];
}

export interface Replica {
  /** The epoch that was loaded, null while nothing is. */
  epoch(doc: DocName): string | null;
  /** Sorted hex change hashes; empty while nothing is loaded. */
  heads(doc: DocName): string[];
  /**
   * Replaces the document by a whole one and its later changes, and reports both as one event;
   * wrappers and editors stay alive.
   */
  load(doc: DocName, epoch: string, data: Uint8Array, changes?: readonly Uint8Array[]): void;
  /** Applies concatenated change chunks of other peers. Throws on bytes that are not changes. */
  apply(doc: DocName, data: Uint8Array): void;
  /** Notebook changes that are not among the ancestors of `heads`, oldest first. */
  changesSince(heads: string[]): Uint8Array[];
  /** Whether the notebook has this change. */
  has(change: Uint8Array): boolean;
  /** Whether the notebook's history has all of these heads. */
  knows(heads: readonly string[]): boolean;
  /** The whole document as Automerge saves it. */
  save(doc: DocName): Uint8Array;
  /** Sets the actor of later local changes. */
  setActor(actor: Uint8Array): void;
  /**
   * Moves onto `fresh` and keeps the meaning of the changes `own` (made here, oldest first): those
   * that `fresh` lacks become one new local change on top (announced by `localChanged`).
   */
  rebase(own: Uint8Array[], epoch: string, fresh: Uint8Array): Rebased;
  /** The bytes of each local notebook change, right after it was made. */
  readonly localChanged: ISignal<Replica, Uint8Array>;
}
