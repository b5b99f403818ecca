/** The presence of an editor: shows the places of others in its cell, and publishes its own. */
import type { Extension } from '@codemirror/state';
import type { EditorView, PluginValue, ViewUpdate } from '@codemirror/view';
import { ViewPlugin } from '@codemirror/view';

import type { OpenRoom } from '../tokens';
import { carets, setPlaces } from './carets';
import { AWAY, cursorsOf, placesIn } from './places';

/** The shortest time between two reports of a moving cursor. */
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
      // The user has moved to another cell, whose editor has published the place.
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
