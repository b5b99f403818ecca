"""The cyclic garbage collector is paused exactly as long as a caller needs."""

import gc

import pytest

from jupyter_runtimed.host.garbage import gc_paused


def test_garbage_collection_is_paused_until_the_last_caller_ends():
    assert gc.isenabled()
    with gc_paused():
        with gc_paused():
            assert not gc.isenabled()
        assert not gc.isenabled()
    assert gc.isenabled()


def test_garbage_collection_resumes_after_an_error():
    with pytest.raises(ValueError, match="x"), gc_paused():
        raise ValueError("x")
    assert gc.isenabled()


def test_a_disabled_garbage_collector_stays_disabled():
    gc.disable()
    try:
        with gc_paused():
            assert not gc.isenabled()
        assert not gc.isenabled()
    finally:
        gc.enable()
