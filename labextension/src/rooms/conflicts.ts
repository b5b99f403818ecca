/** Why notebooks cannot be rooms here, in words for people. */
import type { TranslationBundle } from '@jupyterlab/translation';

import type { ServerStatus } from '../connection/api';
import { PROTOCOL } from '../protocol/frames';

/** What others who want to own notebooks have put into this browser. */
export interface Others {
  /** The content provider that opens notebooks; null for the ordinary way. */
  provider: string | null;
  /** The plugins of this JupyterLab. */
  plugins: readonly string[];
}

/** By the name of the server part and of browser packages: what people know it as. */
const PRODUCTS = new Map([
  ['jupyter_server_ydoc', 'jupyter-collaboration'],
  ['@jupyter/docprovider-extension', 'jupyter-collaboration'],
  // Its carets need a Yjs text under every editor, and an editor without one does not start.
  ['@jupyter/collaboration-extension', 'jupyter-collaboration'],
  ['jupyter_server_documents', 'jupyter-server-documents'],
  ['@jupyter-ai-contrib/server-documents', 'jupyter-server-documents'],
  ['jupyter_server_nbmodel', 'jupyter-server-nbmodel']
]);

/** What stands in the way; null if nothing does. A notification shows 140 characters at most. */
export function conflictOf(
  status: ServerStatus | null,
  { provider, plugins }: Others,
  trans: TranslationBundle
): string | null {
  if (status === null) {
    return trans.__(
      'jupyter-runtimed is off: its server part is not enabled. Notebooks open the ordinary way.'
    );
  }
  if (status.conflicts.length > 0) {
    return trans.__(
      'jupyter-runtimed is off beside %1: disable one of them. Notebooks open the ordinary way.',
      products(status.conflicts)
    );
  }
  const parts = products(plugins.map(id => id.split(':')[0] ?? id).filter(id => PRODUCTS.has(id)));
  if (provider !== null || parts !== '') {
    // Whether notebooks open at all is that extension's affair: nothing is promised.
    return trans.__(
      'jupyter-runtimed is off: the browser part of %1 is on, its server part is off. Disable both.',
      parts === '' ? (provider ?? '') : parts
    );
  }
  if (status.protocol !== PROTOCOL) {
    return trans.__(
      'jupyter-runtimed is off: the server has another version. Reload this page, or update.'
    );
  }
  return null;
}

function products(names: readonly string[]): string {
  return [...new Set(names.map(name => PRODUCTS.get(name) ?? name))].join(', ');
}
