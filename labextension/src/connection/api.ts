/**
 * The REST side of the server part: rooms, status, blobs. As Jupyter's own
 * services do it: base URL, token and XSRF cookie come from the settings.
 */
import { URLExt } from '@jupyterlab/coreutils';
import { ServerConnection } from '@jupyterlab/services';

import type { Bytes } from '../protocol/frames';
import { ApiError, OWN_HEADER, readError } from './responses';
import { WebSocketReach } from './webSocketReach';

export { ApiError } from './responses';

const ROOT = 'api/runtimed';
/** After a failed login, the page waits this long before it tries again without the user. */
const LOGIN_PAUSE_MS = 20_000;

export interface ServerStatus {
  version: string;
  protocol: number;
  /** Names of enabled extensions that would write notebooks too. */
  conflicts: string[];
}

export class Api {
  /** The state of WebSockets between this page and the server. */
  readonly reach = new WebSocketReach();
  private login: Promise<boolean> | null = null;

  constructor(readonly settings: ServerConnection.ISettings) {}

  /** A page that logs in, through a Hub if there is one, and reports when it is done. */
  get loginUrl(): string {
    return URLExt.join(this.settings.baseUrl, ROOT, 'login');
  }

  /** Null if the server part is not there. */
  async status(): Promise<ServerStatus | null> {
    try {
      const response = await this.fetch({ method: 'GET' }, 'status');
      if (!response.ok) {
        throw await readError(response);
      }
      const found = (await response.json()) as Partial<ServerStatus>;
      return {
        version: found.version ?? '',
        protocol: found.protocol ?? 0,
        conflicts: found.conflicts ?? []
      };
    } catch (error) {
      if (error instanceof ApiError && error.status === 404) {
        return null;
      }
      throw error;
    }
  }

  /** Finds or opens the room of the notebook at `path`. */
  async openRoom(path: string): Promise<{ room: string; path: string }> {
    const found = (await this.json('PUT', 'rooms', { path })) as { room?: unknown; path?: unknown };
    if (typeof found.room !== 'string' || typeof found.path !== 'string') {
      throw new ApiError(502, 'The server answered without naming the room');
    }
    return { room: found.room, path: found.path };
  }

  /**
   * The time at which the server started, in the server's format; null if the server does not send
   * it.
   */
  async startedAt(): Promise<string | null> {
    try {
      const url = URLExt.join(this.settings.baseUrl, 'api/status');
      const response = await ServerConnection.makeRequest(url, {}, this.settings);
      const { started } = (await response.json()) as { started?: unknown };
      return response.ok && typeof started === 'string' ? started : null;
    } catch {
      return null;
    }
  }

  async blob(sha256: string): Promise<Response> {
    const path = URLExt.join('blobs', encodeURIComponent(sha256));
    // The content behind a hash never changes, but the requests of the services bypass the cache.
    return await this.request({ method: 'GET', cache: 'default' }, path);
  }

  socketUrl(room: string): string {
    const { wsUrl, token, appendToken } = this.settings;
    const url = URLExt.join(wsUrl, ROOT, 'rooms', encodeURIComponent(room), 'socket');
    return appendToken && token !== '' ? `${url}?token=${encodeURIComponent(token)}` : url;
  }

  // ------------------------------------------------------------ frames over HTTP

  /** Opens a connection over plain HTTP and returns the path of its requests. */
  async openPolling(room: string): Promise<string> {
    const path = URLExt.join('rooms', encodeURIComponent(room), 'polling');
    const { connection } = (await this.json('POST', path)) as { connection?: unknown };
    if (typeof connection !== 'string') {
      throw new ApiError(502, 'The server answered without naming the connection');
    }
    return URLExt.join(path, encodeURIComponent(connection));
  }

  /** Sends a request that carries frames in either direction; `where` has a query. */
  async frames(
    method: 'GET' | 'POST',
    where: string,
    signal: AbortSignal,
    body?: Bytes
  ): Promise<Bytes> {
    const init: RequestInit = { method, signal };
    if (body !== undefined) {
      init.headers = { 'Content-Type': 'application/octet-stream' };
      init.body = body.slice().buffer;
    }
    return new Uint8Array(await (await this.request(init, where)).arrayBuffer());
  }

  /** Closes a connection, also while the browser leaves the page. */
  closePolling(path: string): void {
    this.request({ method: 'DELETE', keepalive: true }, path).catch(() => undefined);
  }

  // ------------------------------------------------------------ what is in the way

  /**
   * Asks the program that answered for the server. A Hub answers a `GET` with more detail than
   * other requests.
   */
  async explain(error: unknown): Promise<unknown> {
    if (!(error instanceof ApiError) || error.own) {
      return error;
    }
    try {
      await this.request({ method: 'GET' }, 'status');
      return null;
    } catch (better) {
      return better;
    }
  }

  /**
   * Logs in without asking the user and returns whether that succeeded. A Hub allows this while its
   * own login lasts. The cookies of a single-user server end with the server.
   */
  async renewLogin(): Promise<boolean> {
    if (this.login === null) {
      this.login = this.logIn();
      const forget = (): void => {
        this.login = null;
      };
      void this.login.then(done => setTimeout(forget, done ? 0 : LOGIN_PAUSE_MS));
    }
    return await this.login;
  }

  private async logIn(): Promise<boolean> {
    try {
      const { init, fetch, Request } = this.settings;
      const asked = new Request(this.loginUrl, { ...init, cache: 'no-store' });
      const response = await fetch(asked);
      return response.ok && response.headers.has(OWN_HEADER);
    } catch {
      return false;
    }
  }

  // ------------------------------------------------------------ requests

  private async json(method: string, path: string, body?: unknown): Promise<unknown> {
    const init = body === undefined ? { method } : { method, body: JSON.stringify(body) };
    const response = await this.request(init, path);
    return (await response.json()) as unknown;
  }

  /** Returns a successful answer of this extension. Throws `ApiError` for any other answer. */
  private async request(init: RequestInit, path: string): Promise<Response> {
    const response = await this.fetch(init, path);
    if (!response.ok || !response.headers.has(OWN_HEADER)) {
      throw await readError(response);
    }
    return response;
  }

  private async fetch(init: RequestInit, path: string): Promise<Response> {
    const url = URLExt.join(this.settings.baseUrl, ROOT, path);
    return await ServerConnection.makeRequest(url, init, this.settings);
  }
}
