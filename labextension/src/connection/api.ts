/**
 * The REST side of the server part: rooms, status, blobs. As Jupyter's own
 * services do it: base URL, token and XSRF cookie come from the settings.
 */
import { URLExt } from '@jupyterlab/coreutils';
import { ServerConnection } from '@jupyterlab/services';

const ROOT = 'api/runtimed';

export interface ServerStatus {
  version: string;
  protocol: number;
  /** Names of other extensions that are on and would write notebooks too. */
  conflicts: string[];
}

/** The server answered, and said no. */
export class ApiError extends Error {
  override readonly name = 'ApiError';

  constructor(
    readonly status: number,
    message: string
  ) {
    super(message);
  }
}

export class Api {
  constructor(readonly settings: ServerConnection.ISettings) {}

  /** Null if the server part is not there. */
  async status(): Promise<ServerStatus | null> {
    try {
      const found = (await this.json('GET', 'status')) as Partial<ServerStatus>;
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

  /** When the server was started, in its own words; null if it does not say. */
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
    // What a hash names never changes; the services' ordinary requests go past the cache.
    return await this.request({ method: 'GET', cache: 'default' }, path);
  }

  socketUrl(room: string): string {
    const { wsUrl, token, appendToken } = this.settings;
    const url = URLExt.join(wsUrl, ROOT, 'rooms', encodeURIComponent(room), 'socket');
    return appendToken && token !== '' ? `${url}?token=${encodeURIComponent(token)}` : url;
  }

  private async json(method: string, path: string, body?: unknown): Promise<unknown> {
    const init = body === undefined ? { method } : { method, body: JSON.stringify(body) };
    const response = await this.request(init, path);
    return (await response.json()) as unknown;
  }

  private async request(init: RequestInit, path: string): Promise<Response> {
    const url = URLExt.join(this.settings.baseUrl, ROOT, path);
    const response = await ServerConnection.makeRequest(url, init, this.settings);
    if (!response.ok) {
      throw new ApiError(response.status, await said(response));
    }
    return response;
  }
}

async function said(response: Response): Promise<string> {
  const ordinary = `${response.status} ${response.statusText}`;
  try {
    const { message } = (await response.json()) as { message?: unknown };
    return typeof message === 'string' && message !== '' ? message : ordinary;
  } catch {
    return ordinary;
  }
}
