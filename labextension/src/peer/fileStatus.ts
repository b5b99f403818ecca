/**
 * The state of a notebook's file and of the server's storage, as the server reports it.
 *
 * It knows events of the room, and no other frames.
 */
import type { Heads, RoomEvent } from '../protocol/frames';
import type { Status } from './effects';

type Reported = Pick<
  Status,
  'saved' | 'saveError' | 'fileGone' | 'fileReadOnly' | 'storageError' | 'fileError'
>;

export class FileStatus {
  private now: Reported = withoutFaults(true);

  get reported(): Reported {
    return this.now;
  }

  /**
   * Begins a connection without faults, because faults from before the connection broke may be
   * over. The server reports lasting faults again before the first sync.
   */
  greet(saved: boolean): void {
    this.now = withoutFaults(saved);
  }

  /** Records a change of the notebook, which the file does not have yet. */
  edited(): void {
    this.now = { ...this.now, saved: false };
  }

  /** Records an event of the room; `heads` are the heads of the notebook here. */
  take({ name, body }: RoomEvent, heads: Heads): void {
    this.now = { ...this.now, ...reportedBy(name, body, heads) };
  }
}

function withoutFaults(saved: boolean): Reported {
  return {
    saved,
    saveError: null,
    fileGone: null,
    fileReadOnly: null,
    storageError: null,
    fileError: null
  };
}

function reportedBy(name: string, body: Record<string, unknown>, heads: Heads): Partial<Reported> {
  const fault = body['ok'] === true ? null : text(body['message']);
  switch (name) {
    case 'saved':
      return { saveError: null, fileGone: null, saved: sameHeads(body['heads'], heads) };
    case 'unsaved':
      return { saved: false };
    case 'save_failed':
      return { saveError: text(body['message']) };
    case 'deleted': {
      const fileGone = { why: text(body['why']), message: text(body['message']) };
      return { saveError: null, fileGone };
    }
    case 'merged':
    case 'moved':
      return { fileGone: null };
    case 'writable':
      return { fileReadOnly: fault };
    case 'storage':
      return { storageError: fault };
    case 'file':
      return { fileError: fault };
    default:
      return {};
  }
}

export function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function sameHeads(one: unknown, other: Heads): boolean {
  const same = Array.isArray(one) && one.length === other.length;
  return same && other.every(head => one.includes(head));
}
