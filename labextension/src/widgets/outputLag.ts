/**
 * Whether the kernel's own socket is behind the room: runs that the runtime document shows, and whose
 * end that socket has not brought yet. What comes with it (widgets) may still be on its way.
 *
 * No WebAssembly here: scalars of the document are read as strings.
 */
import type { ISessionContext } from '@jupyterlab/apputils';
import type { Kernel, KernelMessage } from '@jupyterlab/services';
import type { ISignal } from '@lumino/signaling';
import { Signal } from '@lumino/signaling';

import type { RoomDocuments, RuntimeBatch } from '../document/documents';
import type { RunNode } from '../document/schema';

/** How many ends are remembered that came before the document said of the run. */
const REMEMBERED = 100;

export class OutputLag {
  constructor(
    private readonly session: ISessionContext,
    private readonly documents: RoomDocuments
  ) {
    this.past = new Set(Object.keys(documents.runtime.runs));
    documents.runtimeChanged.connect(this.look, this);
    session.iopubMessage.connect(this.hear, this);
    // Whatever the socket missed is gone; widgets are then asked of the kernel.
    session.kernelChanged.connect(this.forget, this);
    session.connectionStatusChanged.connect(this.forget, this);
    session.statusChanged.connect(this.status, this);
  }

  get changed(): ISignal<unknown, unknown> {
    return this._changed;
  }

  /** Whether something of a run may be on its way. */
  now(): boolean {
    const connected = this.session.session?.kernel?.connectionStatus === 'connected';
    // Whoever asks may hear of a change before this does.
    this.notice(Object.keys(this.documents.runtime.cells));
    return connected && (this.behind.size > 0 || this.busy());
  }

  dispose(): void {
    this.documents.runtimeChanged.disconnect(this.look, this);
    Signal.clearData(this);
  }

  private busy(): boolean {
    const kernel = this.session.session?.kernel;
    return kernel?.status === 'busy' || String(this.documents.runtime.kernel.state) === 'busy';
  }

  private look(_: unknown, { edit }: RuntimeBatch): void {
    this.notice(edit.cells);
    this._changed.emit(undefined);
  }

  private notice(changed: Iterable<string>): void {
    const { cells, runs } = this.documents.runtime;
    for (const id of this.behind) {
      if (runs[id] === undefined) {
        this.behind.delete(id);
      }
    }
    for (const cell of changed) {
      const id = String(cells[cell]?.run ?? '');
      const run = runs[id];
      if (run !== undefined && wasSent(run) && !this.past.has(id)) {
        this.past.add(id);
        if (!this.ended.includes(id)) {
          this.behind.add(id);
        }
      }
    }
  }

  private hear(_: unknown, { header, parent_header, content }: KernelMessage.IMessage): void {
    const idle = 'execution_state' in content && content.execution_state === 'idle';
    if (header.msg_type === 'status' && idle && 'msg_id' in parent_header) {
      this.ended = [...this.ended.slice(1 - REMEMBERED), parent_header.msg_id];
      this.behind.delete(parent_header.msg_id);
      this._changed.emit(undefined);
    }
  }

  private status(_: unknown, status: Kernel.Status): void {
    if (status === 'restarting' || status === 'autorestarting' || status === 'dead') {
      this.forget();
    } else {
      this._changed.emit(undefined);
    }
  }

  private forget(): void {
    this.behind.clear();
    this._changed.emit(undefined);
  }

  private readonly past: Set<string>;
  private readonly behind = new Set<string>();
  private ended: string[] = [];
  private readonly _changed = new Signal<this, undefined>(this);
}

/** Whether the kernel had it, and may have said something of it. */
function wasSent(run: RunNode): boolean {
  return run.started_at != null && String(run.state) !== 'lost';
}
