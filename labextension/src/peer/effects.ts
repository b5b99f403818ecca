/** What a session is told, and what it asks to be done. */
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

/** Why a session is closed for good. */
export type Fault =
  'closed' | 'unauthenticated' | 'forbidden' | 'deleted' | 'protocol' | 'bad-frame' | 'too-large';

export type PeerEvent =
  | { type: 'opened' }
  | { type: 'frame'; frame: Frame }
  | { type: 'lost'; code: number; reason: string }
  | { type: 'local'; data: Bytes }
  | { type: 'call'; request: CallRequest }
  | { type: 'presence'; state: PresenceState | null }
  /** The server that answers next is not the process that answered before. */
  | { type: 'restarted' }
  | { type: 'close'; fault: Fault };

export type Effect =
  | { type: 'send'; frame: Frame }
  | { type: 'settle'; id: number; result: unknown }
  | { type: 'fail'; id: number; error: CallError }
  /** Every document of the room is here, as the server has it. */
  | { type: 'synced' }
  | { type: 'hangup'; code: number; reason: string }
  /** `reopen`: by path, the room's id is not known any more. */
  | { type: 'reconnect'; how: 'now' | 'backoff' | 'reopen' }
  | { type: 'closed'; fault: Fault }
  /** Notebook changes to be kept across a reload. */
  | { type: 'keep'; change: Bytes }
  /** What is remembered beside the changes has moved on. */
  | { type: 'keepMemory' }
  /** The notebook is another one: what was kept is to be replaced. */
  | { type: 'keepAll' }
  | { type: 'rebased'; rebased: Rebased; code: string; reason: string }
  /** Local work that the server refused time and again; it is no longer in the notebook. */
  | { type: 'setAside'; data: Bytes; code: string; reason: string }
  | { type: 'event'; name: string; body: Record<string, unknown> }
  | { type: 'presence'; session: string; state: PresenceState | null }
  /** Nobody else can be seen any more. */
  | { type: 'alone' };

/** What a session remembers of earlier ones of this room. */
export interface Memory {
  shared: Heads;
  tickets: Ticket[];
}

export interface Status {
  phase: Phase;
  /** Local changes that the server has not acknowledged. */
  unacked: number;
  role: Role;
  /** Whether the file holds what is here. */
  saved: boolean;
  /** Why the last save failed, null if it did not. */
  saveError: string | null;
  /** Why there is no file that can be read, null if there is one. */
  fileGone: { why: string; message: string } | null;
  /** Why the file must not be written, null if nothing is known to prevent it. */
  fileReadOnly: string | null;
  /** What is wrong with the server's storage, null if nothing is. */
  storageError: string | null;
  /** Why the notebook's file cannot be reached, null if it can. */
  fileError: string | null;
  /** Whether the server on this connection is another than on the one before. */
  restarted: boolean;
  fault: Fault | null;
}
