/** An editor's part in presence: shows where others are in its cell, and tells where we are. */
import type { Extension } from '@codemirror/state';
import type { EditorView, PluginValue, ViewUpdate } from '@codemirror/view';
import { ViewPlugin } from '@codemirror/view';

import type { OpenRoom } from '../tokens';
import { carets, setPlaces } from './carets';
import { AWAY, cursorsOf, placesIn } from './places';

/** Others learn of a moving cursor at most so often. */
const TELL_MS = 100;

class EditorPresence implements PluginValue {
  private scheduled = false;
  private timer: ReturnType<typeof setTimeout> | null = null;
  private shown = '[]';
  private isDestroyed = false;

  constructor(
    private readonly view: EditorView,
    private readonly room: OpenRoom,
    private readonly cell: string
  ) {
    room.connection.presenceChanged.connect(this.refresh, this);
    this.refresh();
  }

  update(update: ViewUpdate): void {
    const leaves = update.focusChanged && !update.view.hasFocus;
    if (leaves || ((update.selectionSet || update.focusChanged) && update.view.hasFocus)) {
      this.timer ??= setTimeout(() => {
        this.timer = null;
        this.tell();
      }, TELL_MS);
    }
  }

  destroy(): void {
    this.isDestroyed = true;
    if (this.timer !== null) {
      clearTimeout(this.timer);
    }
    this.room.connection.presenceChanged.disconnect(this.refresh, this);
  }

  private tell(): void {
    const { view, room, cell } = this;
    if (room.connection.isDisposed) {
      return;
    }
    if (!view.hasFocus && room.connection.presence?.cell !== cell) {
      // They went to another cell, and have told it from there.
      return;
    }
    const cursors = cursorsOf(room.model.documents, cell, view.state.selection.ranges);
    if (cursors !== null) {
      const doing = view.hasFocus ? 'editing' : AWAY;
      room.connection.setPresence({ cell, cursors, doing });
    }
  }

  private refresh(): void {
    if (this.scheduled) {
      return;
    }
    this.scheduled = true;
    // An editor cannot be changed while it is being made or updated.
    queueMicrotask(() => {
      this.scheduled = false;
      if (!this.isDestroyed) {
        this.show();
      }
    });
  }

  private show(): void {
    const { connection, model } = this.room;
    const places = placesIn(model.documents, this.cell, connection.peers.values());
    const now = JSON.stringify(places);
    if (now !== this.shown) {
      this.shown = now;
      this.view.dispatch({ effects: setPlaces.of(places) });
    }
  }
}

export function editorPresence(room: OpenRoom, cell: string): Extension {
  return [carets(), ViewPlugin.define(view => new EditorPresence(view, room, cell))];
}
