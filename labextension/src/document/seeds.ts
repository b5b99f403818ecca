/**
 * The first change of every document, frozen; the same bytes as `document/seeds.py`.
 *
 * Two peers that each create the same key make a conflict, and one subtree vanishes. So all
 * documents start from these bytes. Seeds are never made again; a later schema adds a change on top.
 */
import type { DocName } from './replica';

interface Seed {
  base64: string;
  /** Lower-case hex of the SHA-256 of the bytes. */
  sha256: string;
}

export const SEEDS: Readonly<Record<DocName, Seed>> = {
  notebook: {
    base64:
      'hW9KgzB6ti8BTQAQAAAAAAAAAAAAAAAAAAAAAAEBAAAABhUdNAFCBFYEVwFwAnwGc2NoZW1h' +
      'CG1ldGFkYXRhBWV4dHJhBWNlbGxzBH8BAwB/FAMAAQQA',
    sha256: '2a764c812c1dd62ee18e94f1ad19c7a76c29d795a6e6651557f2f70328492ab1'
  },
  runtime: {
    base64:
      'hW9Kg28GzKcBUgAQAAAAAAAAAAAAAAAAAAAAAAEBAAAABhUgNAFCBlYEVwFwAnsGc2NoZW1h' +
      'Bmtlcm5lbAVxdWV1ZQVjZWxscwRydW5zBX0BAAICAH8UBAABBQA=',
    sha256: '40f384d95441509b218be5a63ea2e1c429ad3efe6f90f2a3005b632de03fe482'
  }
};

/** The bytes of a seed. Throws when they are not the frozen ones. */
export async function seed(doc: DocName): Promise<Uint8Array> {
  const { base64, sha256 } = SEEDS[doc];
  const bytes = Uint8Array.from(atob(base64), c => c.charCodeAt(0));
  const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
  if (Array.from(hash, byte => byte.toString(16).padStart(2, '0')).join('') !== sha256) {
    throw new Error('a seed is damaged; install the extension again');
  }
  return bytes;
}
