/**
 * Binds an editor to a cell of a room: one way in (`incoming`), one way out (`outgoing`).
 *
 * The origin of a change stops echoes. If the text of an editor differs from its cell (a character
 * cut in half, a refused edit), the binding corrects it after the current turn, and takes no single
 * changes until then.
 */
import type { Extension } from '@codemirror/state';
import { Compartment, EditorState, Prec } from '@codemirror/state';
import type { PluginValue, ViewUpdate } from '@codemirror/view';
import { EditorView, ViewPlugin } from '@codemirror/view';
import { holds, resync, toTransaction } from './incoming';
import { toCell } from './outgoing';
import { normalizeLines } from '../document/text';
import type { EditorSource, TextChange } from './source';

class Binding implements PluginValue {
  constructor(
    private readonly _view: EditorView,
    private readonly _cell: EditorSource,
    private readonly _locks: Compartment
  ) {
    _cell.textChanged.connect(this._onText);
    _cell.readOnlyChanged.connect(this._onReadOnly);
    _view.contentDOM.addEventListener('compositionstart', this._onComposition);
    _view.contentDOM.addEventListener('compositionend', this._onComposition);
    if (!holds(_view.state.doc, _cell.getSource())) {
      this._lostStep();
    }
  }

  update(update: ViewUpdate): void {
    if (update.docChanged && !toCell(update, this._cell, this)) {
      this._lostStep();
    }
  }

  destroy(): void {
    this._isDestroyed = true;
    this._cell.textChanged.disconnect(this._onText);
    this._cell.readOnlyChanged.disconnect(this._onReadOnly);
    this._view.contentDOM.removeEventListener('compositionstart', this._onComposition);
    this._view.contentDOM.removeEventListener('compositionend', this._onComposition);
    this._cell.compose(this, false);
  }

  private readonly _onComposition = ({ type }: Event): void => {
    if (type === 'compositionstart') {
      this._cell.compose(this, true);
    } else {
      // The editor takes in the composed text after this event.
      setTimeout(() => {
        this._cell.compose(this, this._view.composing);
      });
    }
  };

  private readonly _onText = (_sender: unknown, change: TextChange): void => {
    if (change.origin === this || this._isBehind) {
      return;
    }
    if (this._view.state.doc.length !== change.changes.length) {
      this._lostStep();
    } else {
      this._view.dispatch(toTransaction(change, this, this._view.hasFocus));
    }
  };

  private readonly _onReadOnly = (_sender: unknown, readOnly: boolean): void => {
    this._view.dispatch({ effects: this._locks.reconfigure(lock(readOnly)) });
  };

  private _lostStep(): void {
    if (this._isBehind) {
      return;
    }
    this._isBehind = true;
    // An editor cannot be changed while it is being made or updated.
    queueMicrotask(() => {
      this._isBehind = false;
      if (!this._isDestroyed) {
        resync(this._view, this._cell.getSource(), this);
      }
    });
  }

  private _isBehind = false;
  private _isDestroyed = false;
}

/**
 * Keeps a carriage return as a character of its line, as in the document. Otherwise the editor
 * would turn it into a line feed at the next key near it. Pasted text has line feeds only.
 */
const LINES: Extension = [
  EditorState.lineSeparator.of('\n'),
  EditorView.clipboardInputFilter.of(text => normalizeLines(text))
];

/** The extension that binds an editor to a cell, for as long as the editor lives. */
export function roomBinding(cell: EditorSource): Extension {
  const locks = new Compartment();
  return [
    LINES,
    locks.of(lock(cell.readOnly)),
    ViewPlugin.define(view => new Binding(view, cell, locks))
  ];
}

/** Sets nothing for writers, because an editor may be read-only for other reasons. */
function lock(readOnly: boolean): Extension {
  return readOnly ? Prec.highest(EditorState.readOnly.of(true)) : [];
}
