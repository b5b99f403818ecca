/**
 * The plugins of the extension.
 *
 * What needs WebAssembly is imported by the plugins when they are activated, so that the binding of
 * editors is there whatever becomes of the rest.
 */
import type { JupyterFrontEndPlugin } from '@jupyterlab/application';

import { aside } from './plugins/aside';
import { binding } from './plugins/binding';
import { content } from './plugins/content';
import { executor } from './plugins/executor';
import { gone } from './plugins/gone';
import { guard } from './plugins/guard';
import { headings } from './plugins/headings';
import { notices } from './plugins/notices';
import { outside } from './plugins/outside';
import { presence } from './plugins/presence';
import { prompts } from './plugins/prompts';
import { readers } from './plugins/readers';
import { rest } from './plugins/rest';
import { status } from './plugins/status';
import { unaskedPlugins } from './plugins/unasked';
import { widgets } from './plugins/widgets';

const plugins: JupyterFrontEndPlugin<unknown>[] = [
  binding,
  guard,
  content,
  executor,
  status,
  notices,
  presence,
  outside,
  aside,
  readers,
  prompts,
  rest,
  widgets,
  gone,
  headings,
  ...unaskedPlugins
];

export default plugins;
