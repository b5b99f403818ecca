"""Other programs change the file of an open notebook while a client types continuously.

In the end every typed character and every edit of the program is there.
"""

from __future__ import annotations

import asyncio
import shutil
from contextlib import suppress
from pathlib import Path

import pytest

from .desk import Desk

MINE = "two = 'from outside'"


async def comes_in(desk: Desk) -> None:
    await desk.sees(lambda: desk.live.source("c1") == MINE)


class TestEditors:
    """The ways in which text editors save."""

    async def test_an_editor_that_writes_in_place_is_merged(self, desk: Desk) -> None:
        async with desk.while_typing():
            desk.file.write_bytes(desk.changed("c1", MINE))
            await comes_in(desk)

    async def test_an_editor_that_renames_a_new_file_over_the_old_is_merged(
        self, desk: Desk
    ) -> None:
        async with desk.while_typing():
            fresh = desk.file.with_name("open.ipynb.tmp")
            fresh.write_bytes(desk.changed("c1", MINE))
            fresh.replace(desk.file)
            await comes_in(desk)

    async def test_an_editor_that_renames_the_old_file_to_a_backup_is_merged(
        self, desk: Desk
    ) -> None:
        async with desk.while_typing():
            changed = desk.changed("c1", MINE)
            desk.file.rename(desk.file.with_name("open.ipynb~"))
            desk.file.write_bytes(changed)
            await comes_in(desk)

    async def test_an_editor_that_writes_in_pieces_is_merged(self, desk: Desk) -> None:
        """A half-written file is not a notebook, so the server waits for the rest."""
        async with desk.while_typing():
            changed = desk.changed("c1", MINE)
            with desk.file.open("wb") as file:
                for start in range(0, len(changed), len(changed) // 4):
                    file.write(changed[start : start + len(changed) // 4])
                    file.flush()
                    await asyncio.sleep(0.3)  # This lasts as long as the writer takes.
            await comes_in(desk)

    async def test_an_editor_that_loaded_the_file_long_before_is_merged(self, desk: Desk) -> None:
        """An editor keeps its old text while the room saves the file."""
        async with desk.while_typing():
            changed = desk.changed("c1", MINE)
            before = desk.file.read_bytes()
            await desk.sees(lambda: desk.file.read_bytes() != before)
            desk.file.write_bytes(changed)
            await comes_in(desk)


async def test_writing_the_same_bytes_again_changes_nothing(desk: Desk) -> None:
    merged: list[object] = []
    desk.live.on_change(lambda event: merged.append(event) if said_merged(event) else None)
    await desk.live.append("c0", " typed")
    await desk.live.wait_saved(60)
    for _ in range(3):
        data = desk.file.read_bytes()
        desk.file.write_bytes(data)
        fresh = desk.file.with_name("again")
        fresh.write_bytes(data)
        fresh.replace(desk.file)
    assert merged == []
    desk.file.write_bytes(desk.changed("c1", MINE))
    await comes_in(desk)
    await desk.sees(lambda: bool(merged))
    assert len(merged) == 1


def said_merged(event: object) -> bool:
    return getattr(event, "name", "") == "merged"


class TestPrograms:
    async def test_an_edit_by_sed_is_merged(self, desk: Desk) -> None:
        async with desk.while_typing():
            await desk.runs("sed", "-i", "s/two = 2/two = 'from outside'/", desk.file)
            await comes_in(desk)

    async def test_an_agent_that_rewrites_the_file_is_merged(self, desk: Desk) -> None:
        """The agent edits the file only: a changed text, a new, a deleted and a moved cell."""
        agent = (
            "import nbformat, sys; path = sys.argv[1]; nb = nbformat.read(path, 4); c = nb.cells;"
            f"c[1].source = {MINE!r}; del c[2]; c.insert(0, c.pop(2));"
            "c.append(nbformat.v4.new_markdown_cell('# Agent', id='agent'));"
            "nbformat.write(nb, path)"
        )
        async with desk.while_typing():
            await desk.python("-c", agent, desk.file)
            await comes_in(desk)
        assert [cell.id for cell in desk.live.cells] == ["c3", "c0", "c1", "agent"]
        assert [cell["id"] for cell in desk.whole()["cells"]] == ["c3", "c0", "c1", "agent"]

    async def test_an_edit_by_nbstripout_is_merged(self, desk: Desk) -> None:
        assert desk.live.outputs("c3")
        async with desk.while_typing():
            # A save of the room can replace what the program wrote in the same millisecond.
            for _ in range(3):
                await desk.python("-m", "nbstripout", desk.file)
                with suppress(asyncio.TimeoutError):
                    await desk.live.wait_for(lambda: not desk.live.outputs("c3"), 20)
                    break
        assert desk.whole()["cells"][3]["outputs"] == []

    async def test_an_edit_by_black_is_merged(self, desk: Desk) -> None:
        async with desk.while_typing():
            await desk.python("-m", "black", "--quiet", desk.file)
            await desk.sees(lambda: desk.live.source("c2") == 'ugly = {"a": 1, "b": 2}')
        assert desk.source("c2") == 'ugly = {"a": 1, "b": 2}'

    @pytest.mark.long
    async def test_an_edit_by_jupytext_is_merged(self, desk: Desk) -> None:
        """Convert to a script, edit the script, and convert back."""
        pytest.importorskip("jupytext", reason="it takes part in every server it is installed for")
        script = desk.file.with_suffix(".py")
        async with desk.while_typing():
            await desk.python("-m", "jupytext", "--to", "py:percent", desk.file)
            script.write_text(script.read_text().replace("two = 2", MINE))
            await desk.python("-m", "jupytext", "--to", "ipynb", "--update", script)
            await comes_in(desk)

    @pytest.mark.kernel
    async def test_nbconvert_executing_in_place_is_merged(self, desk: Desk) -> None:
        async with desk.while_typing():
            await desk.python(
                "-m", "jupyter", "nbconvert", "--to", "notebook", "--execute", "--inplace",
                desk.file,
            )  # fmt: skip
            await desk.sees(lambda: desk.live.execution_count("c3") == 4)
        assert desk.live.outputs("c3")[0]["text"] == "shown\n"
        assert desk.whole()["cells"][3]["execution_count"] == 4

    @pytest.mark.long
    @pytest.mark.kernel
    async def test_papermill_running_in_place_is_merged(self, desk: Desk) -> None:
        async with desk.while_typing():
            await desk.python(
                "-m", "papermill", desk.file, desk.file, "-p", "two", "3", "--no-progress-bar"
            )
            await desk.sees(lambda: any("two = 3" in cell.source for cell in desk.live.cells))
            await desk.sees(lambda: "papermill" in desk.live._notebook.metadata())
        assert any("two = 3" in "".join(cell["source"]) for cell in desk.whole()["cells"])


class TestGit:
    @pytest.fixture
    async def repository(self, desk: Desk) -> Desk:
        """A repository on branch `main`; on branch `other` one cell differs."""
        await desk.runs("git", "init", "--quiet", "--initial-branch=main")
        await desk.runs("git", "config", "user.name", "Ana")
        await desk.runs("git", "config", "user.email", "ana@example.org")
        await desk.runs("git", "add", desk.file.name)
        await desk.runs("git", "commit", "--quiet", "-m", "main")
        await desk.runs("git", "worktree", "add", "--quiet", "-b", "other", ".elsewhere")
        elsewhere = desk.file.with_name(".elsewhere")
        (elsewhere / desk.file.name).write_bytes(desk.changed("c1", MINE))
        await desk.runs("git", "-C", elsewhere, "commit", "--quiet", "-am", "other")
        await desk.runs("git", "worktree", "remove", elsewhere)
        return desk

    async def test_a_git_checkout_of_another_branch_is_merged(self, repository: Desk) -> None:
        async with repository.while_typing():
            await repository.runs("git", "checkout", "--quiet", "--force", "other")
            await comes_in(repository)
        assert repository.source("c1") == MINE

    async def test_git_stash_and_pop_on_another_branch_are_merged(self, repository: Desk) -> None:
        """Between stash and pop the room saves the text typed in between."""
        async with repository.while_typing():
            changed = repository.changed("c3", "print('stashed')")
            repository.file.write_bytes(changed)
            await repository.sees(lambda: repository.live.source("c3") == "print('stashed')")
            await repository.runs(
                "bash", "-c", "git stash --quiet && git checkout --quiet other && git stash pop"
            )
            await comes_in(repository)
            await repository.sees(lambda: repository.live.source("c3") == "print('stashed')")
        assert (repository.source("c1"), repository.source("c3")) == (MINE, "print('stashed')")


async def test_a_symbolic_link_is_followed_and_stays_a_link(desk: Desk) -> None:
    real = desk.file.with_name("real.ipynb")
    desk.file.rename(real)
    desk.file.symlink_to(real.name)
    async with desk.while_typing():
        real.write_bytes(desk.changed("c1", MINE))
        await comes_in(desk)
    assert desk.file.readlink() == Path("real.ipynb")


async def test_a_file_copied_over_the_notebook_is_merged(desk: Desk) -> None:
    copy = desk.file.with_name("copy.ipynb")
    async with desk.while_typing():
        copy.write_bytes(desk.changed("c1", MINE))
        shutil.copy2(copy, desk.file)
        await comes_in(desk)
