/** Events and effects of a peer. */
import type { Rebased } from '../document/replica';
import type { CallRequest } from './pendingCalls';
import type {
  Bytes,
  CallError,
  Frame,
  Heads,
  PresenceState,
  Role,
  Ticket
} from '../protocol/frames';

export type Phase = 'connecting' | 'greeting' | 'live' | 'rebasing' | 'closed';

/** The reason of a final close. */
export type Fault =
  'closed' | 'unauthenticated' | 'forbidden' | 'deleted' | 'protocol' | 'bad-frame' | 'too-large';

export type PeerEvent =
  | { type: 'opened' }
  | { type: 'frame'; frame: Frame }
  | { type: 'lost'; code: number; reason: string }
  | { type: 'local'; data: Bytes }
  | { type: 'call'; request: CallRequest }
  | { type: 'presence'; state: PresenceState | null }
  /** The process that answered before has been replaced by another. */
  | { type: 'restarted' }
  | { type: 'close'; fault: Fault };

export type Effect =
  | { type: 'send'; frame: Frame }
  | { type: 'settle'; id: number; result: unknown }
  | { type: 'fail'; id: number; error: CallError }
  /** Every document of the room is here, in the server's version. */
  | { type: 'synced' }
  | { type: 'hangup'; code: number; reason: string }
  /** `reopen`: connect by path, because the room's id is no longer known. */
  | { type: 'reconnect'; how: 'now' | 'backoff' | 'reopen' }
  | { type: 'closed'; fault: Fault }
  /** Notebook changes to store across a reload. */
  | { type: 'keep'; change: Bytes }
  /** The stored memory beside the changes has changed. */
  | { type: 'keepMemory' }
  /** The notebook was replaced, so the stored one must be replaced too. */
  | { type: 'keepAll' }
  | { type: 'rebased'; rebased: Rebased; code: string; reason: string }
  /** Local edits that the server refused repeatedly; they are no longer in the notebook. */
  | { type: 'setAside'; data: Bytes; code: string; reason: string }
  | { type: 'event'; name: string; body: Record<string, unknown> }
  | { type: 'presence'; session: string; state: PresenceState | null }
  /** No other peer is visible any more. */
  | { type: 'alone' };

/** A peer's memory of earlier peers of this room. */
export interface Memory {
  shared: Heads;
  tickets: Ticket[];
}

export interface Status {
  phase: Phase;
  /** Local changes that the server has not acknowledged. */
  unacked: number;
  role: Role;
  /** Whether the file has all local content. */
  saved: boolean;
  /** The reason why the last save failed, null if it succeeded. */
  saveError: string | null;
  /** The reason why there is no readable file, null if there is one. */
  fileGone: { why: string; message: string } | null;
  /** The reason not to write the file, null if none is known. */
  fileReadOnly: string | null;
  /** The fault of the server's storage, null if there is none. */
  storageError: string | null;
  /** The reason why the notebook's file cannot be reached, null if it can. */
  fileError: string | null;
  /** Whether another server process answers than on the last connection. */
  restarted: boolean;
  fault: Fault | null;
}
