/**
 * Interprets failed requests.
 *
 * Only an answer that carries this extension's mark is certain. Any other answer may come from a
 * restarted proxy, a Hub that stopped the server, or a login page, and may change.
 */
import { ServerConnection } from '@jupyterlab/services';

import type { Fault } from '../peer/effects';

/** A header that no other program sends; `server/response_mark.py` has the same. */
export const OWN_HEADER = 'X-Jupyter-Runtimed';
/** With this one the server says that the request has no valid login. */
export const LOGIN_HEADER = 'X-Jupyter-Runtimed-Login';

/** An error answer of the server, or of a program in its place. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  /** Whether this extension itself answered. */
  readonly own: boolean;
  readonly login: boolean;
  /** The code with which a connection over plain HTTP was closed. */
  readonly close: number | null;

  constructor(
    readonly status: number,
    message: string,
    { own = false, login = false, close = null }: Partial<ApiErrorFacts> = {}
  ) {
    super(message);
    this.own = own;
    this.login = login;
    this.close = close;
  }
}

interface ApiErrorFacts {
  own: boolean;
  login: boolean;
  close: number | null;
}

/** The obstacle between this page and the room, according to the last answer. */
export type Hindrance =
  /** The server does not answer. */
  | { kind: 'network' }
  /** A Hub has stopped the server; the text of the Hub. */
  | { kind: 'stopped'; message: string }
  /** The login has ended. */
  | { kind: 'login' }
  /** A proxy or another program answers in the place of the server. */
  | { kind: 'elsewhere'; status: number }
  /** The server itself fails. */
  | { kind: 'server'; message: string };

const STOPPED = 424;

export async function readError(response: Response): Promise<ApiError> {
  const { status, headers } = response;
  const own = headers.has(OWN_HEADER);
  const said = await json(response);
  const message = text(said['message']) || `${status} ${response.statusText}`;
  const html = (headers.get('Content-Type') ?? '').includes('html');
  // A login page comes through a redirect with any status, or in place of the requested resource.
  const isLoginPage = !own && (response.redirected || response.ok) && html;
  const login = headers.has(LOGIN_HEADER) || isLoginPage || status === 401;
  const close = own && typeof said['close'] === 'number' ? said['close'] : null;
  return new ApiError(status, message, { own, login, close });
}

async function json(response: Response): Promise<Record<string, unknown>> {
  try {
    const said: unknown = await response.json();
    return typeof said === 'object' && said !== null ? (said as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

/** Returns the lasting meaning of an error; null if another attempt may succeed. */
export function faultOf(error: unknown): Fault | null {
  if (!(error instanceof ApiError) || !error.own || error.login) {
    return null;
  }
  switch (error.status) {
    case 403:
      return 'forbidden';
    case 404:
      return 'deleted';
    default:
      return null;
  }
}

export function hindranceOf(error: unknown): Hindrance {
  if (error instanceof ServerConnection.NetworkError || !(error instanceof ApiError)) {
    return { kind: 'network' };
  }
  const { status, message, own, login } = error;
  if (own && !login) {
    return { kind: 'server', message };
  }
  if (login) {
    return { kind: 'login' };
  }
  return isHubsStop(status, message) ? { kind: 'stopped', message } : { kind: 'elsewhere', status };
}

/** A Hub says so by 424, older and some configured ones by 503. */
function isHubsStop(status: number, message: string): boolean {
  return status === STOPPED || (status === 503 && message.includes('JupyterHub'));
}
