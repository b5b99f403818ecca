/**
 * A room for tests: the server's side of the protocol with real documents, and clients whose
 * effects reach it at once, without network and time. A client that is `cut` must `join` again.
 */
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import * as am from '../../src/document/automerge';
import { RoomDocuments } from '../../src/document/documents';
import type { DocName } from '../../src/document/replica';
import type { NotebookNode } from '../../src/document/schema';
import { seed } from '../../src/document/seeds';
import type { Effect, Memory } from '../../src/peer/effects';
import { decode } from '../../src/protocol/decode';
import type { Bytes, Call, Frame, Heads, Hello, Role } from '../../src/protocol/frames';
import { encode } from '../../src/protocol/frames';
import { Peer } from '../../src/peer/peer';

// By path, because `URL` belongs to the page in tests with jsdom and cannot read files.
const HERE = dirname(fileURLToPath(import.meta.url));
const WASM = join(HERE, '../../node_modules/@automerge/automerge/dist/automerge.wasm');

export async function startWasm(): Promise<void> {
  await am.startAutomerge(() => new Uint8Array(readFileSync(WASM)));
}

type ServerDocs = Record<DocName, { epoch: string; doc: am.Doc<object> }>;

/** A connected client: its name, and the function that receives its frames. */
export interface Member {
  readonly name: string;
  get: (frame: Frame) => void;
}

export class Room {
  clients: Member[] = [];
  role: Role = 'runner';
  server = 'one';
  /** Codes with which the next change frames are refused. */
  refusals: string[] = [];
  /** Whether the server acknowledges each change at once. */
  acking = true;
  /** The `had` of the next welcome: changes of the client that the document contains. */
  had: Heads = [];
  calls: Call[] = [];
  private count = 0;

  private constructor(readonly docs: ServerDocs) {}

  static async open(): Promise<Room> {
    await startWasm();
    const [notebook, runtime] = [await seed('notebook'), await seed('runtime')];
    return new Room({
      notebook: { epoch: 'n1', doc: am.load(notebook) },
      runtime: { epoch: 'r1', doc: am.load(runtime) }
    });
  }

  heads(doc: DocName): Heads {
    return [...am.getHeads(this.docs[doc].doc)].sort();
  }

  metadata(): Record<string, string> {
    const { metadata } = this.docs.notebook.doc as NotebookNode;
    return Object.fromEntries(
      Object.entries(metadata).map(([key, value]) => [key, am.read(value)])
    );
  }

  /** Replaces a document with one that lacks the history of the clients. */
  rotate(doc: DocName, epoch: string, bytes: Bytes): void {
    this.docs[doc] = { epoch, doc: am.load(bytes) };
  }

  receive(client: Member, frame: Frame): void {
    if (frame.kind === 'hello') {
      this.greet(client, frame);
    } else if (frame.kind === 'change') {
      this.change(client, frame.doc, frame.data);
    } else if (frame.kind === 'call') {
      this.calls.push(frame);
    }
  }

  acknowledge(client: Member): void {
    client.get({ kind: 'ack', doc: 'notebook', heads: this.heads('notebook') });
  }

  private greet(client: Member, hello: Hello): void {
    this.count += 1;
    const actor = new Uint8Array(16).fill(this.count);
    client.get({
      kind: 'welcome',
      protocol: 1,
      room: 'room',
      path: 'a.ipynb',
      server: this.server,
      session: `s${this.count}`,
      user: { username: client.name, name: client.name, color: null },
      role: this.role,
      actor,
      proof: actor,
      docs: {},
      limits: { frame: 1 << 20, inline: 8192 },
      saved: true,
      had: this.had
    });
    for (const doc of ['notebook', 'runtime'] as const) {
      client.get(this.sync(doc, hello.docs[doc]));
    }
  }

  private sync(doc: DocName, held: Hello['docs'][DocName]): Frame {
    const { epoch, doc: mine } = this.docs[doc];
    const named = held?.epoch === epoch && held.heads.length > 0;
    const known = named && am.hasHeads(mine, held.heads);
    const data = known ? am.getChangesSince(mine, held.heads) : [am.save(mine)];
    return {
      kind: 'sync',
      doc,
      epoch,
      full: !known,
      data: Buffer.concat(data),
      heads: this.heads(doc)
    };
  }

  private change(client: Member, doc: DocName, data: Bytes): void {
    const code = this.refusals.shift();
    if (code !== undefined) {
      client.get({ kind: 'refuse', doc, hashes: [], code, reason: 'because' });
      return;
    }
    const held = this.docs[doc];
    [held.doc] = am.applyChanges(held.doc, am.splitChunks(data));
    for (const other of this.clients) {
      if (other !== client) {
        other.get({ kind: 'change', doc, data });
      }
    }
    if (this.acking) {
      this.acknowledge(client);
    }
  }
}

export class Client {
  readonly documents = new RoomDocuments();
  readonly session: Peer;
  readonly sent: Frame[] = [];
  readonly effects: Effect[] = [];
  private joined = false;
  private forks = 0;

  constructor(
    readonly room: Room,
    readonly name: string,
    restored?: { notebook: Bytes; epoch: string; memory: Memory }
  ) {
    if (restored !== undefined) {
      this.documents.load('notebook', restored.epoch, restored.notebook);
    }
    this.session = new Peer({
      replica: this.documents,
      client: 'test',
      fork: () => new Uint8Array([0, 0, 0, ++this.forks]),
      ...(restored === undefined ? {} : { memory: restored.memory })
    });
    this.documents.localChanged.connect((_, data) => {
      this.run(this.session.handle({ type: 'local', data }));
    });
  }

  join(): this {
    this.joined = true;
    this.room.clients.push(this);
    this.run(this.session.handle({ type: 'opened' }));
    return this;
  }

  cut(code = 1006): void {
    this.joined = false;
    this.room.clients = this.room.clients.filter(client => client !== this);
    this.run(this.session.handle({ type: 'lost', code, reason: '' }));
  }

  get(frame: Frame): void {
    if (this.joined) {
      this.run(this.session.handle({ type: 'frame', frame: decode(encode(frame)) }));
    }
  }

  /** One local change: an entry of the notebook's metadata. */
  set(key: string, value: string): void {
    this.documents.edit(draft => {
      draft.metadata[key] = am.str(JSON.stringify(value));
    });
  }

  call(id: number, name: string, repeat = false): void {
    const heads = this.documents.heads('notebook');
    this.run(this.session.handle({ type: 'call', request: { id, name, args: {}, heads, repeat } }));
  }

  metadata(): Record<string, string> {
    const { metadata } = this.documents.notebook;
    return Object.fromEntries(
      Object.entries(metadata).map(([key, value]) => [key, am.read(value)])
    );
  }

  of<T extends Effect['type']>(type: T): Extract<Effect, { type: T }>[] {
    return this.effects.filter((effect): effect is Extract<Effect, { type: T }> => {
      return effect.type === type;
    });
  }

  private run(effects: Effect[]): void {
    for (const effect of effects) {
      this.effects.push(effect);
      if (effect.type === 'send' && this.joined) {
        this.sent.push(effect.frame);
        this.room.receive(this, decode(encode(effect.frame)));
      }
    }
  }
}
