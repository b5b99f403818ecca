/** The open questions of running cells, from the runtime document. */
import { read } from '../document/automerge';
import type { RoomDocuments } from '../document/documents';
import { runOf } from '../document/schema';

export interface OpenPrompt {
  id: string;
  text: string;
  password: boolean;
}

export function openPromptOf(documents: RoomDocuments, cell: string): OpenPrompt | null {
  const run = runOf(documents.runtime, cell);
  if (run?.prompt == null || read(run.state) !== 'running') {
    return null;
  }
  const { id, text, password } = run.prompt;
  return { id: read(id), text: read(text), password };
}

/**
 * Calls back with every cell whose question may have appeared or ended. Returns a function that
 * stops the calls.
 */
export function followPrompts(
  documents: RoomDocuments,
  tell: (cell: string, question: OpenPrompt | null) => void
): () => void {
  const asking = new Set<string>();
  const look = (cells: Iterable<string>): void => {
    for (const cell of new Set([...cells, ...asking])) {
      const question = openPromptOf(documents, cell);
      if (question !== null || asking.delete(cell)) {
        tell(cell, question);
      }
      if (question !== null) {
        asking.add(cell);
      }
    }
  };
  const onChange = (_: unknown, { edit }: { edit: { cells: Iterable<string> } }): void => {
    look(edit.cells);
  };
  documents.runtimeChanged.connect(onChange);
  look(Object.keys(documents.runtime.cells));
  return () => {
    documents.runtimeChanged.disconnect(onChange);
  };
}
