"""Scripts that tests run in a page, among them the comparison of two browsers."""

from __future__ import annotations

# The cells of the shared model, and every difference to the widgets, the editors and the Automerge
# document.
SNAPSHOT = """() => {
  const panel = window.jupyterapp.shell.currentWidget;
  const shared = panel.content.model.sharedModel;
  const flat = value => JSON.stringify(value, (_, v) => v);
  const cells = shared.cells.map(cell => ({
    id: cell.getId(),
    type: cell.cell_type,
    source: cell.getSource(),
    metadata: Object.fromEntries(
      Object.entries(cell.getMetadata()).filter(([key]) => key !== 'trusted').sort()),
    attachments: cell.getAttachments?.() ?? null,
    count: cell.execution_count ?? null,
    state: cell.executionState ?? null,
    outputs: cell.outputs ?? [],
  }));
  const faults = [];
  const nodes = shared.documents.notebook.cells;
  const rank = id => String(nodes[id].position) + '\\u0000' + id;
  const order = Object.keys(nodes).sort((a, b) => (rank(a) < rank(b) ? -1 : 1));
  const expect = (what, found, wanted) => {
    if (flat(found) !== flat(wanted)) {
      faults.push(`${what}: ${flat(found).slice(0, 300)} instead of ${flat(wanted).slice(0, 300)}`);
    }
  };
  expect('wrappers', cells.map(c => c.id), order);
  const widgets = panel.content.widgets;
  expect('widgets', widgets.map(w => w.model.id), order);
  widgets.forEach((widget, i) => {
    const cell = cells[i];
    if (cell === undefined) return;
    expect(`source of ${i}`, cell.source, nodes[cell.id]?.source);
    expect(`type of ${i}`, cell.type, String(nodes[cell.id]?.cell_type));
    expect(`widget's type of ${i}`, widget.model.type, cell.type);
    if (widget.editor) {
      expect(`editor of ${i}`, widget.editor.editor.state.doc.toString(), cell.source);
    }
    if (cell.type === 'code') {
      const shown = widget.model.outputs.toJSON().map(o => [o.output_type, o.text ?? null]);
      const plain = cell.outputs.map(o => [o.output_type, o.text ?? null]);
      expect(`outputs of ${i}`, shown.map(o => o[0]), plain.map(o => o[0]));
      expect(`count of ${i}`, widget.model.executionCount, cell.count);
    }
  });
  return { cells, faults };
}"""

# Return whether this page is consistent and has the cells of the other browser.
SAME_CELLS = f"""wanted => {{
  const found = ({SNAPSHOT})();
  return found.faults.length === 0 && JSON.stringify(found.cells) === wanted;
}}"""

CONSISTENT = f"() => ({SNAPSHOT})().faults.length === 0"

# Record the text of each dialog, because dialogs disappear.
RECORD_DIALOGS = """
window.e2eDialogs = [];
new MutationObserver(records => {
  for (const record of records) {
    for (const node of record.addedNodes) {
      const isDialog = node.classList?.contains('jp-Dialog');
      const dialog = isDialog ? node : node.querySelector?.('.jp-Dialog');
      if (dialog) window.e2eDialogs.push(dialog.textContent);
    }
  }
}).observe(document, { childList: true, subtree: true });
"""

# Replace all cells of the notebook with these cells.
SET_CELLS = """cells => {
  const panel = window.jupyterapp.shell.currentWidget;
  const shared = panel.content.model.sharedModel;
  const now = Date.now().toString(36);
  shared.fromJSON({
    nbformat: 4, nbformat_minor: 5, metadata: shared.getMetadata(),
    cells: cells.map((cell, i) => ({ id: `${now}-${i}`, metadata: {}, ...cell })),
  });
  shared.clearUndoHistory();
  shared.cells.forEach(cell => cell.clearUndoHistory());
  panel.content.activeCellIndex = 0;
  panel.content.deselectAll();
  panel.content.mode = 'command';
  panel.content.activate();
}"""

# Return whether this browser's storage has every edit that the server lacks.
EDITS_STORED = """async () => {
  // The status bar counts the last edit after the next animation frame.
  await new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)));
  const status = document.querySelector('.jp-RuntimedStatus').textContent;
  const unsent = Number(/(\\d+) changes? not on the server/.exec(status)?.[1] ?? 0);
  const [{ name }] = await indexedDB.databases();
  const request = indexedDB.open(name);
  const db = await new Promise((done, fail) => {
    request.onsuccess = () => done(request.result);
    request.onerror = () => fail(request.error);
  });
  const count = db.transaction('changes').objectStore('changes').count();
  const kept = await new Promise(done => { count.onsuccess = () => done(count.result); });
  db.close();
  return unsent > 0 && kept >= unsent;
}"""
