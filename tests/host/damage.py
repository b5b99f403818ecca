"""Damage of a room's log."""

from jupyter_runtimed.host.storage.log_records import HEADER, Kind, _frame


def frames(path):
    """Return (kind, first byte of the body, start and end of the body) of each record."""
    data = path.read_bytes()
    at, found = len(HEADER), []
    while at < len(data):
        kind, body, end = _frame(data, at)
        found.append((kind, body[:1], end - len(body), end))
        at = end
    return found


def spoil(path, *kinds, doc=0, nth=0):
    """Flip the last byte of a record of a document: 0 is the notebook, 1 the runtime."""
    places = [
        end for kind, first, _, end in frames(path) if kind in kinds and first == bytes([doc])
    ]
    data = bytearray(path.read_bytes())
    data[places[nth] - 1] ^= 0xFF
    path.write_bytes(data)


CHANGES = (Kind.INCREMENTAL, Kind.DELTA)
