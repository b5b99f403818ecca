/**
 * Whether the kernel's own socket is behind the room: the runtime document shows runs whose end the
 * socket has not brought yet. Messages about widgets may then still be on their way.
 *
 * This module works without WebAssembly: it reads scalars of the document as strings.
 */
import type { ISessionContext } from '@jupyterlab/apputils';
import type { Kernel, KernelMessage } from '@jupyterlab/services';
import type { ISignal } from '@lumino/signaling';
import { Signal } from '@lumino/signaling';

import type { RoomDocuments, RuntimeBatch } from '../document/documents';
import type { RunNode } from '../document/schema';

/** The number of remembered ends of runs that the document has not shown yet. */
const REMEMBERED = 100;

export class OutputLag {
  constructor(
    private readonly session: ISessionContext,
    private readonly documents: RoomDocuments
  ) {
    this.past = new Set(Object.keys(documents.runtime.runs));
    documents.runtimeChanged.connect(this.look, this);
    session.iopubMessage.connect(this.hear, this);
    // Messages that the socket missed are lost; the kernel is then asked for widgets.
    session.kernelChanged.connect(this.forget, this);
    session.connectionStatusChanged.connect(this.forget, this);
    session.statusChanged.connect(this.status, this);
  }

  get changed(): ISignal<unknown, unknown> {
    return this._changed;
  }

  /** Whether messages of a run may be on their way. */
  now(): boolean {
    const connected = this.session.session?.kernel?.connectionStatus === 'connected';
    // A caller may learn of a change before this listener does.
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

/** Whether the kernel had the run, and may have sent messages about it. */
function wasSent(run: RunNode): boolean {
  return run.started_at != null && String(run.state) !== 'lost';
}
