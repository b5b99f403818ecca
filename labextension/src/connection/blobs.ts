/** Fetches large outputs by hash. The browser's cache keeps them because they never change. */
import type { BlobReader } from '../document/blobs';
import type { BlobEncoding } from '../document/schema';
import type { Api } from './api';

const STEP_BYTES = 0x8000;

export class ServerBlobs implements BlobReader {
  constructor(private readonly api: Api) {}

  async get(sha256: string, encoding: BlobEncoding): Promise<string> {
    const response = await this.api.blob(sha256);
    if (encoding !== 'base64') {
      return await response.text();
    }
    return base64(new Uint8Array(await response.arrayBuffer()));
  }
}

/** Converts in steps because a call takes a limited number of arguments. */
export function base64(bytes: Uint8Array): string {
  let binary = '';
  for (let at = 0; at < bytes.length; at += STEP_BYTES) {
    binary += String.fromCharCode(...bytes.subarray(at, at + STEP_BYTES));
  }
  return btoa(binary);
}
