/** Reasons why notebooks cannot be rooms here, as texts for users. */
import type { TranslationBundle } from '@jupyterlab/translation';

import type { ServerStatus } from '../connection/api';
import { PROTOCOL } from '../protocol/frames';

/** The parts of other extensions in this browser that would own notebooks. */
export interface Others {
  /** The content provider that opens notebooks; null for the usual way. */
  provider: string | null;
  /** The plugins of this JupyterLab. */
  plugins: readonly string[];
}

/** The known names of extensions, by the name of the server part and of browser packages. */
const PRODUCTS = new Map([
  ['jupyter_server_ydoc', 'jupyter-collaboration'],
  ['@jupyter/docprovider-extension', 'jupyter-collaboration'],
  // Its carets need a Yjs text under every editor, and an editor without one does not start.
  ['@jupyter/collaboration-extension', 'jupyter-collaboration'],
  ['jupyter_server_documents', 'jupyter-server-documents'],
  ['@jupyter-ai-contrib/server-documents', 'jupyter-server-documents'],
  ['jupyter_server_nbmodel', 'jupyter-server-nbmodel']
]);

/** Returns the obstacle; null if there is none. A notification shows 140 characters at most. */
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
    // The other extension decides whether notebooks open at all, so the text promises nothing.
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
