/** A WebSocket without a network: the test opens it, sends data to it and closes it. */
export class FakeSocket {
  static readonly OPEN = 1;
  static all: FakeSocket[] = [];

  static last(): FakeSocket {
    const socket = FakeSocket.all.at(-1);
    if (socket === undefined) {
      throw new Error('no socket was opened');
    }
    return socket;
  }

  readyState = 0;
  binaryType = '';
  sent: Uint8Array[] = [];
  closed: number | null = null;
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: unknown }) => void) | null = null;
  onclose: ((event: { code: number; reason: string }) => void) | null = null;
  /** Receives the data that the client sends. */
  peer: (data: Uint8Array) => void = () => undefined;

  constructor(readonly url: string) {
    FakeSocket.all.push(this);
  }

  open(): void {
    this.readyState = 1;
    this.onopen?.();
  }

  send(data: Uint8Array): void {
    this.sent.push(data);
    this.peer(data);
  }

  get(data: Uint8Array): void {
    this.onmessage?.({ data: data.slice().buffer });
  }

  shut(code: number): void {
    this.readyState = 3;
    this.onclose?.({ code, reason: '' });
  }

  close(code: number): void {
    this.readyState = 3;
    this.closed = code;
  }
}
