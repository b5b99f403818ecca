/** The changes of a conversation by name: `own.1` is the first change that the client makes. */
import * as am from '../../src/document/automerge';
import type { NotebookNode } from '../../src/document/schema';
import type { Edit } from './edits';
import { write } from './edits';
import { read } from './read';

interface Named {
  head: string;
  data: Uint8Array;
}

/** A change that is made when it is first named: its author has the changes `upon`. */
export interface Made {
  upon: string[];
  edit: Edit;
}

export class Names {
  private readonly named = new Map<string, Named>();
  private readonly names = new Map<string, string>();
  private owned = 0;

  constructor(private readonly made: Record<string, Made>) {
    const documents = read('documents.json') as Record<string, { head: string; base64: string }>;
    for (const [name, { head, base64 }] of Object.entries(documents)) {
      this.add(name, { head, data: new Uint8Array(Buffer.from(base64, 'base64')) });
    }
  }

  own(change: Uint8Array): void {
    const { hash } = am.decodeChange(change);
    if (!this.names.has(hash)) {
      this.owned += 1;
      this.add(`own.${this.owned}`, { head: hash, data: change });
    }
  }

  data(names: readonly string[]): Uint8Array {
    return new Uint8Array(names.flatMap(name => [...this.get(name).data]));
  }

  heads(names: readonly string[]): string[] {
    return names.map(name => this.get(name).head).sort();
  }

  of(hashes: readonly string[]): string[] {
    return hashes.map(hash => this.names.get(hash) ?? '?').sort();
  }

  chunks(data: Uint8Array): string[] {
    const hashes = am.splitChunks(data).map(chunk => am.decodeChange(chunk).hash);
    return hashes.map(hash => this.names.get(hash) ?? '?');
  }

  private get(name: string): Named {
    return this.named.get(name) ?? this.make(name);
  }

  private make(name: string): Named {
    const how = this.made[name];
    if (how === undefined) {
      throw new Error(`no change has the name '${name}'`);
    }
    const actor = Buffer.from(name.padEnd(20, '.')).toString('hex');
    const before = am.load<NotebookNode>(this.data(how.upon), { actor });
    const after = am.change(before, { time: 0 }, draft => {
      write(draft, how.edit);
    });
    const [data] = am.getChangesSince(after, am.getHeads(before));
    if (data === undefined) {
      throw new Error(`the change '${name}' is empty`);
    }
    return this.add(name, { head: am.decodeChange(data).hash, data });
  }

  private add(name: string, named: Named): Named {
    this.named.set(name, named);
    this.names.set(named.head, name);
    return named;
  }
}
