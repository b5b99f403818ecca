/**
 * Large outputs by hash: each is fetched once, and kept while the notebook is open.
 *
 * This module knows whether a blob has arrived; it does not know how a blob is fetched
 * (`BlobReader`) or which view shows it.
 */
import { read } from './automerge';
import type { BlobEncoding, BlobNode } from './schema';

export interface BlobReader {
  /**
   * The blob as text: decoded UTF-8, or base64 text, or JSON text. Rejects if the blob is not
   * available.
   */
  get(sha256: string, encoding: BlobEncoding): Promise<string>;
}

export type BlobState = { state: 'here'; text: string } | { state: 'waiting' | 'failed' };

export class BlobShelf {
  /** `arrived` is called with a hash when the state of its blob has changed. */
  constructor(
    private readonly _reader: BlobReader | null,
    private readonly _arrived: (sha256: string) => void
  ) {}

  /** Returns the state of a blob, and fetches the blob at the first call. */
  look(node: BlobNode): BlobState {
    const sha256 = read(node.blob);
    const known = this._known.get(sha256);
    if (known !== undefined) {
      return known;
    }
    const waiting: BlobState = { state: 'waiting' };
    this._known.set(sha256, waiting);
    this._fetch(sha256, node).then(
      text => {
        this._settle(sha256, { state: 'here', text });
      },
      () => {
        this._settle(sha256, { state: 'failed' });
      }
    );
    return waiting;
  }

  /** Waits for the text of a blob. Rejects if it cannot be fetched. */
  async text(node: BlobNode): Promise<string> {
    const known = this._known.get(read(node.blob));
    return known?.state === 'here' ? known.text : await this._fetch(read(node.blob), node);
  }

  /** Fetches failed blobs again after the server has returned. */
  retry(): void {
    for (const [sha256, known] of this._known) {
      if (known.state === 'failed') {
        this._known.delete(sha256);
        this._arrived(sha256);
      }
    }
  }

  dispose(): void {
    this._isDisposed = true;
  }

  private async _fetch(sha256: string, node: BlobNode): Promise<string> {
    if (this._reader === null) {
      throw new Error('nobody can read blobs here');
    }
    return await this._reader.get(sha256, encodingOf(node));
  }

  private _settle(sha256: string, state: BlobState): void {
    if (!this._isDisposed) {
      this._known.set(sha256, state);
      this._arrived(sha256);
    }
  }

  private readonly _known = new Map<string, BlobState>();
  private _isDisposed = false;
}

export function encodingOf(node: BlobNode): BlobEncoding {
  const encoding = read(node.encoding);
  return encoding === 'base64' || encoding === 'json' ? encoding : 'utf-8';
}
