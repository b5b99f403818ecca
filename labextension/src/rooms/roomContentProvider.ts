/**
 * Loads and saves JupyterLab's notebooks through their rooms.
 *
 * A path only locates a room; the room follows when the file is moved. Other files go to the
 * ordinary drive.
 */
import { PathExt } from '@jupyterlab/coreutils';
import type { Contents, IContentProvider } from '@jupyterlab/services';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { ISignal } from '@lumino/signaling';
import { Signal } from '@lumino/signaling';

import type { Api } from '../connection/api';
import { ServerBlobs } from '../connection/blobs';
import type { RoomNotice } from '../connection/roomConnection';
import { RoomConnection } from '../connection/roomConnection';
import type { OfflineStore } from '../connection/offlineStore';
import { RoomNotebook } from '../model/notebook';
import type { RuntimeRequests } from '../model/outputRequests';
import type { IRooms, OpenRoom } from '../tokens';

interface Filed extends OpenRoom {
  path: string;
  /** The last description of the file that JupyterLab has. */
  hash: string | null;
  lastModified: string | null;
}

export interface RoomProviderOptions {
  drive: Contents.IDrive;
  api: Api;
  client: string;
  started: () => Promise<void>;
  /** Whether the views can move a cell. */
  keepsMoved: boolean;
  /** Whether undo works per cell, from the user's settings. */
  disableDocumentWideUndoRedo: () => boolean;
  store: Promise<OfflineStore | null>;
  trans: TranslationBundle;
}

export class RoomContentProvider implements IContentProvider, IRooms {
  readonly fileChanged = new Signal<this, Contents.IChangedArgs>(this);

  private readonly rooms = new Set<Filed>();
  private readonly opened_ = new Signal<IRooms, OpenRoom>(this);
  private readonly savedOffline_ = new Signal<IRooms, OpenRoom>(this);

  constructor(private readonly options: RoomProviderOptions) {
    options.drive.fileChanged.connect(this.onFileChanged, this);
  }

  get opened(): ISignal<IRooms, OpenRoom> {
    return this.opened_;
  }

  get savedOffline(): ISignal<IRooms, OpenRoom> {
    return this.savedOffline_;
  }

  get store(): Promise<OfflineStore | null> {
    return this.options.store;
  }

  of(sharedModel: unknown): OpenRoom | null {
    return [...this.rooms].find(room => room.model === sharedModel) ?? null;
  }

  readonly sharedModelFactory: Contents.ISharedFactory = {
    collaborative: true,
    createNew: ({ path, contentType }) =>
      contentType === 'notebook' ? this.open(path).model : undefined
  };

  async get(localPath: string, options?: Contents.IFetchOptions): Promise<Contents.IModel> {
    const found = [...this.rooms].filter(room => room.path === localPath);
    const [room] = found;
    if (room === undefined) {
      return await this.ordinary(localPath, options);
    }
    if (options?.content !== false) {
      await Promise.all(found.map(each => each.connection.ready));
    }
    const file = await this.file(room, options);
    room.hash ??= file.hash ?? null;
    room.lastModified ??= file.last_modified;
    return this.asTold(room, file);
  }

  async save(localPath: string, options?: Partial<Contents.IModel>): Promise<Contents.IModel> {
    const room = [...this.rooms].find(each => each.path === localPath);
    if (room === undefined) {
      return await this.options.drive.save(localPath, { ...options, ...ORDINARY });
    }
    if (room.connection.status.phase !== 'live') {
      this.savedOffline_.emit(room);
    }
    const saved = await room.connection.call('save', {}, { repeat: true });
    this.remember(room, saved as Record<string, unknown>);
    return this.asTold(room, await this.file(room, { content: false }));
  }

  private open(path: string): OpenRoom {
    const { api, client, started, keepsMoved, store, trans } = this.options;
    const model: RoomNotebook = new RoomNotebook({
      disableDocumentWideUndoRedo: this.options.disableDocumentWideUndoRedo(),
      keepsMoved,
      blobs: new ServerBlobs(api),
      requests: requests(() => connection),
      placeholder: (...what) => placeholder(trans, ...what)
    });
    const replica = model.documents;
    const connection: RoomConnection = new RoomConnection({
      path,
      api,
      replica,
      client,
      store,
      started: started()
    });
    const room: Filed = { model, connection, path, hash: null, lastModified: null };
    this.rooms.add(room);
    let wasLive = false;
    connection.statusChanged.connect((_, status) => {
      if (status.phase === 'live' && !wasLive) {
        model.retryBlobs();
      }
      wasLive = status.phase === 'live';
      const mayOnlyRead = status.role === 'viewer' && status.phase === 'live';
      model.readOnly = mayOnlyRead || status.fault === 'forbidden';
      if (status.phase === 'live') {
        // The `saved` frame may arrive before the acknowledgement of the last change.
        model.dirty = !status.saved;
      }
    });
    connection.noticed.connect((_, notice) => {
      void this.onNotice(room, notice);
    });
    model.disposed.connect(() => {
      this.rooms.delete(room);
      connection.dispose();
    });
    this.opened_.emit(room);
    return room;
  }

  private async ordinary(
    localPath: string,
    options?: Contents.IFetchOptions
  ): Promise<Contents.IModel> {
    return await this.options.drive.get(localPath, { ...options, ...ORDINARY });
  }

  /** Returns the server's description of the file, or the last known one without a server. */
  private async file(room: Filed, options?: Contents.IFetchOptions): Promise<Contents.IModel> {
    try {
      return await this.ordinary(room.path, { ...options, content: false });
    } catch (error) {
      if (room.connection.status.phase === 'live') {
        throw error;
      }
      return standIn(room);
    }
  }

  /**
   * Repeats JupyterLab's former description of the file. The server merges the writes of other
   * programs, so a changed file is not a conflict here.
   */
  private asTold(room: Filed, file: Contents.IModel): Contents.IModel {
    return {
      ...file,
      content: null,
      hash: room.hash ?? file.hash,
      last_modified: room.lastModified ?? file.last_modified
    };
  }

  private remember(room: Filed, saved: Record<string, unknown>): void {
    const { hash, last_modified: lastModified } = saved;
    room.hash = typeof hash === 'string' ? hash : room.hash;
    room.lastModified = isoTime(lastModified) ?? room.lastModified;
  }

  private async onNotice(room: Filed, { name, body }: RoomNotice): Promise<void> {
    if (name === 'saved') {
      this.remember(room, body);
      room.model.dirty = !room.connection.status.saved;
      const newValue = { path: room.path, hash: room.hash, last_modified: room.lastModified };
      this.fileChanged.emit({
        type: 'save',
        oldValue: null,
        newValue: newValue as Partial<Contents.IModel>
      });
    } else if (name === 'writable') {
      // JupyterLab offers a save for a savable file.
      const newValue = { path: room.path, writable: body['ok'] === true };
      this.fileChanged.emit({ type: 'save', oldValue: null, newValue });
    } else if (name === 'moved' && typeof body['path'] === 'string') {
      await this.moved(room, body['path']);
    }
  }

  /** Follows a move of the file by another user or program. */
  private async moved(room: Filed, path: string): Promise<void> {
    const old = room.path;
    if (old === path) {
      return;
    }
    room.path = path;
    const file = await this.file(room);
    this.fileChanged.emit({ type: 'rename', oldValue: { path: old }, newValue: file });
  }

  /** Follows a move of the file, or of a folder above it, from this page. */
  private onFileChanged(_: unknown, change: Contents.IChangedArgs): void {
    const from = change.oldValue?.path;
    const to = change.newValue?.path;
    if (change.type !== 'rename' || from === undefined || to === undefined) {
      return;
    }
    for (const room of this.rooms) {
      if (room.path === from) {
        room.path = to;
      } else if (room.path.startsWith(`${from}/`)) {
        room.path = to + room.path.slice(from.length);
      }
    }
  }
}

/** Without this, the drive would call this provider again. */
const ORDINARY: { contentProviderId?: string } = { contentProviderId: undefined };

function isoTime(value: unknown): string | null {
  if (typeof value === 'number') {
    return new Date(value).toISOString();
  }
  return typeof value === 'string' ? value : null;
}

function standIn(room: Filed): Contents.IModel {
  const now = new Date().toISOString();
  return {
    name: PathExt.basename(room.path),
    path: room.path,
    type: 'notebook',
    writable: true,
    created: now,
    last_modified: room.lastModified ?? now,
    mimetype: '',
    format: 'json',
    content: null
  };
}

function requests(connection: () => RoomConnection): RuntimeRequests {
  return {
    clear: async (cells, seen) => {
      await connection().call('clear', { cells, seen }, { repeat: true });
    },
    importOutputs: async (cell, { outputs, executionCount, trusted, unlessRun }, seen) => {
      const unless = unlessRun === undefined ? {} : { unless_run: unlessRun };
      const args = { cell, outputs, execution_count: executionCount, trusted, seen, ...unless };
      await connection().call('import_outputs', args, { repeat: true });
    },
    trust: async () => {
      await connection().call('trust', {}, { repeat: true });
    }
  };
}

function placeholder(
  trans: TranslationBundle,
  mime: string,
  bytes: number,
  failed: boolean,
  held: boolean
): string {
  const size = `${(bytes / 1024).toFixed(0)} KiB`;
  if (held) {
    return trans.__('A large output (%1, %2)', mime, size);
  }
  return failed
    ? trans.__('An output (%1, %2) could not be fetched', mime, size)
    : trans.__('Fetching an output (%1, %2)…', mime, size);
}
