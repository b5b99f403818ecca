/**
 * The right end of a notebook's toolbar row, for elements that must be visible at every width.
 *
 * JupyterLab moves items of a toolbar that do not fit behind a button, the last ones first. The
 * strip stands outside of the toolbar: the toolbar is narrower by the strip's width, and arranges
 * its items there.
 */
import type { NotebookPanel } from '@jupyterlab/notebook';
import type { Message } from '@lumino/messaging';
import { MessageLoop } from '@lumino/messaging';
import { Panel, Widget } from '@lumino/widgets';

const STRIPS = new WeakMap<NotebookPanel, Panel>();

export function toolbarEndOf(panel: NotebookPanel): Panel {
  const known = STRIPS.get(panel);
  if (known !== undefined) {
    return known;
  }
  const strip = new Panel();
  strip.addClass('jp-RuntimedToolbarEnd');
  STRIPS.set(panel, strip);
  panel.toolbar.addClass('jp-mod-runtimed');
  attachTo(panel, strip);
  const observer = new ResizeObserver(() => {
    makeRoom(panel, strip.node.offsetWidth);
  });
  observer.observe(strip.node);
  panel.disposed.connect(() => {
    observer.disconnect();
    strip.dispose();
  });
  return strip;
}

/** Attaches the strip behind the toolbar, at the latest when the panel is in the page. */
function attachTo(panel: NotebookPanel, strip: Panel): void {
  const attach = (): void => {
    Widget.attach(strip, panel.node, panel.toolbar.node.nextElementSibling as HTMLElement | null);
  };
  if (panel.isAttached) {
    attach();
    return;
  }
  // Notebook 7 announces a panel before it shows the panel.
  const hook = (_handler: unknown, message: Message): boolean => {
    if (message.type === Widget.Msg.AfterAttach.type) {
      MessageLoop.removeMessageHook(panel, hook);
      attach();
    }
    return true;
  };
  MessageLoop.installMessageHook(panel, hook);
}

function makeRoom({ node, toolbar }: NotebookPanel, width: number): void {
  node.style.setProperty('--jp-runtimed-strip', `${width}px`);
  const { clientWidth, clientHeight } = toolbar.node;
  MessageLoop.postMessage(toolbar, new Widget.ResizeMessage(clientWidth, clientHeight));
}
