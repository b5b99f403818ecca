/** One connection to a room that carries frames in both directions, over any medium. */
export interface Transport {
  /** Before `opened`, and after the end, nothing is sent. */
  send: (data: Uint8Array) => void;
  /** Closes the connection; no callback follows. */
  close: (code: number, reason: string) => void;
}

export interface TransportEvents {
  opened: () => void;
  received: (data: Uint8Array) => void;
  /** The end, with a WebSocket close code; also called if the connection never opened. */
  lost: (code: number, reason: string) => void;
}

export type OpenTransport = (room: string, events: TransportEvents) => Transport;

/** A browser waits for minutes for a handshake without an answer. */
const HANDSHAKE_MS = 15_000;

/** Frames by WebSocket. */
export function openSocket(
  Socket: typeof WebSocket,
  url: string,
  events: TransportEvents
): Transport {
  const socket = new Socket(url);
  const forget = (): void => {
    clearTimeout(patience);
    socket.onopen = socket.onmessage = socket.onclose = null;
  };
  const patience = setTimeout(() => {
    forget();
    socket.close(1000, 'no answer');
    events.lost(1006, 'no answer');
  }, HANDSHAKE_MS);
  socket.binaryType = 'arraybuffer';
  socket.onopen = (): void => {
    clearTimeout(patience);
    events.opened();
  };
  socket.onmessage = ({ data }: MessageEvent<unknown>): void => {
    events.received(data instanceof ArrayBuffer ? new Uint8Array(data) : new Uint8Array());
  };
  socket.onclose = ({ code, reason }): void => {
    forget();
    events.lost(code, reason);
  };
  return {
    send: data => {
      if (socket.readyState === Socket.OPEN) {
        socket.send(data);
      }
    },
    close: (code, reason) => {
      forget();
      socket.close(code, reason);
    }
  };
}
