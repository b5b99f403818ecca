/** Browser features that JupyterLab's packages need and jsdom lacks; import them first. */
const page = globalThis as unknown as Record<string, unknown>;

class Nothing {
  observe(): void {
    // jsdom computes no layout, and so there are no changes to observe.
  }
  unobserve(): void {
    // See above.
  }
  disconnect(): void {
    // See above.
  }
}

const NO_RECT = { left: 0, right: 0, top: 0, bottom: 0, width: 0, height: 0, x: 0, y: 0 };

page['DragEvent'] ??= class extends MouseEvent {};
page['ResizeObserver'] ??= Nothing;
page['IntersectionObserver'] ??= Nothing;
Element.prototype.scrollTo = () => undefined;
Element.prototype.scrollIntoView = () => undefined;
Object.assign(document, { queryCommandSupported: () => false });
Range.prototype.getClientRects = () => [] as unknown as DOMRectList;
Range.prototype.getBoundingClientRect = () => NO_RECT as DOMRect;
window.matchMedia = () =>
  ({
    matches: false,
    addEventListener: () => undefined,
    removeEventListener: () => undefined,
    addListener: () => undefined,
    removeListener: () => undefined
  }) as unknown as MediaQueryList;
