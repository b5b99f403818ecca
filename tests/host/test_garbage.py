"""Looking for garbage is put off for those who ask, and for no longer."""

import gc

import pytest

from jupyter_runtimed.host.garbage import garbage_put_off


def test_it_is_off_until_the_last_is_done():
    assert gc.isenabled()
    with garbage_put_off():
        with garbage_put_off():
            assert not gc.isenabled()
        assert not gc.isenabled()
    assert gc.isenabled()


def test_it_is_on_again_after_an_error():
    with pytest.raises(ValueError, match="x"), garbage_put_off():
        raise ValueError("x")
    assert gc.isenabled()


def test_who_has_turned_it_off_finds_it_off():
    gc.disable()
    try:
        with garbage_put_off():
            assert not gc.isenabled()
        assert not gc.isenabled()
    finally:
        gc.enable()
