/**
 * Stands in for the Yjs awareness that JupyterLab expects.
 *
 * Presence has frames of its own; this object keeps the local state for extensions that set and
 * read it.
 */
type State = Record<string, unknown>;
type Handler = (...args: unknown[]) => void;

export class LocalAwareness {
  readonly clientID = Math.floor(Math.random() * 2 ** 31);
  readonly states = new Map<number, State>([[this.clientID, {}]]);
  readonly meta = new Map<number, { clock: number; lastUpdated: number }>();

  getLocalState(): State | null {
    return this.states.get(this.clientID) ?? null;
  }

  setLocalState(state: State | null): void {
    if (state === null) {
      this.states.delete(this.clientID);
    } else {
      this.states.set(this.clientID, state);
    }
    const none: number[] = [];
    const mine = [this.clientID];
    const change =
      state === null
        ? { added: none, updated: none, removed: mine }
        : { added: none, updated: mine, removed: none };
    this.emit('change', [change, 'local']);
    this.emit('update', [change, 'local']);
  }

  setLocalStateField(field: string, value: unknown): void {
    this.setLocalState({ ...(this.getLocalState() ?? {}), [field]: value });
  }

  getStates(): Map<number, State> {
    return this.states;
  }

  on(event: string, handler: Handler): void {
    this._handlers.set(event, (this._handlers.get(event) ?? new Set()).add(handler));
  }

  once(event: string, handler: Handler): void {
    const once: Handler = (...args) => {
      this.off(event, once);
      handler(...args);
    };
    this.on(event, once);
  }

  off(event: string, handler: Handler): void {
    this._handlers.get(event)?.delete(handler);
  }

  emit(event: string, args: unknown[]): void {
    this._handlers.get(event)?.forEach(handler => {
      handler(...args);
    });
  }

  destroy(): void {
    this.emit('destroy', [this]);
    this._handlers.clear();
  }

  private readonly _handlers = new Map<string, Set<Handler>>();
}
