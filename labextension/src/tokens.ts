/** Tokens and interfaces that the plugins of this extension share. */
import { Token } from '@lumino/coreutils';
import type { ISignal } from '@lumino/signaling';

import type { Api } from './connection/api';
import type { RoomConnection } from './connection/roomConnection';
import type { OfflineStore } from './connection/offlineStore';
import type { RoomNotebook } from './model/notebook';

/** The domain of the translations. */
export const DOMAIN = 'jupyter_runtimed';

/** A notebook that is open here as a room of the server. */
export interface OpenRoom {
  readonly model: RoomNotebook;
  readonly connection: RoomConnection;
}

export interface IRooms {
  /** The room behind a shared model; null for any other notebook. */
  of(sharedModel: unknown): OpenRoom | null;
  readonly opened: ISignal<IRooms, OpenRoom>;
  /** Emits a save of a notebook without a connection to its room. */
  readonly savedOffline: ISignal<IRooms, OpenRoom>;
  /** The store of this browser; null if it stores nothing. */
  readonly store: Promise<OfflineStore | null>;
}

export const IRooms = new Token<IRooms>(
  'jupyter-runtimed:IRooms',
  'The notebooks that are open as rooms of the server.'
);

/** Whether notebooks may be rooms here. */
export interface IServerStatus {
  readonly api: Api;
  /**
   * False if a part is missing or another extension conflicts; the user has been informed. Never
   * rejects.
   */
  readonly usable: Promise<boolean>;
}

export const IServerStatus = new Token<IServerStatus>(
  'jupyter-runtimed:IServerStatus',
  'Whether the server part is there, and nothing else that writes notebooks.'
);
