"""Other programs change the file of an open notebook while a client types continuously.

In the end every typed character and every edit of the program is there.
"""

from __future__ import annotations

import asyncio
import shutil
from contextlib import suppress
from pathlib import Path

import pytest

from .open_notebook import OpenNotebook

MINE = "two = 'from outside'"


async def comes_in(open_notebook: OpenNotebook) -> None:
    await open_notebook.sees(lambda: open_notebook.live.source("c1") == MINE)


class TestEditors:
    """The ways in which text editors save."""

    async def test_an_editor_that_writes_in_place_is_merged(
        self, open_notebook: OpenNotebook
    ) -> None:
        async with open_notebook.while_typing():
            open_notebook.file.write_bytes(open_notebook.changed("c1", MINE))
            await comes_in(open_notebook)

    async def test_an_editor_that_renames_a_new_file_over_the_old_is_merged(
        self, open_notebook: OpenNotebook
    ) -> None:
        async with open_notebook.while_typing():
            fresh = open_notebook.file.with_name("open.ipynb.tmp")
            fresh.write_bytes(open_notebook.changed("c1", MINE))
            fresh.replace(open_notebook.file)
            await comes_in(open_notebook)

    async def test_an_editor_that_renames_the_old_file_to_a_backup_is_merged(
        self, open_notebook: OpenNotebook
    ) -> None:
        async with open_notebook.while_typing():
            changed = open_notebook.changed("c1", MINE)
            open_notebook.file.rename(open_notebook.file.with_name("open.ipynb~"))
            open_notebook.file.write_bytes(changed)
            await comes_in(open_notebook)

    async def test_an_editor_that_writes_in_pieces_is_merged(
        self, open_notebook: OpenNotebook
    ) -> None:
        """A half-written file is not a notebook, so the server waits for the rest."""
        async with open_notebook.while_typing():
            changed = open_notebook.changed("c1", MINE)
            with open_notebook.file.open("wb") as file:
                for start in range(0, len(changed), len(changed) // 4):
                    file.write(changed[start : start + len(changed) // 4])
                    file.flush()
                    await asyncio.sleep(0.3)  # This lasts as long as the writer takes.
            await comes_in(open_notebook)

    async def test_an_editor_that_loaded_the_file_long_before_is_merged(
        self, open_notebook: OpenNotebook
    ) -> None:
        """An editor keeps its old text while the room saves the file."""
        async with open_notebook.while_typing():
            changed = open_notebook.changed("c1", MINE)
            before = open_notebook.file.read_bytes()
            await open_notebook.sees(lambda: open_notebook.file.read_bytes() != before)
            open_notebook.file.write_bytes(changed)
            await comes_in(open_notebook)


async def test_writing_the_same_bytes_again_changes_nothing(open_notebook: OpenNotebook) -> None:
    merged: list[object] = []
    open_notebook.live.on_change(lambda event: merged.append(event) if said_merged(event) else None)
    await open_notebook.live.append("c0", " typed")
    await open_notebook.live.wait_saved(60)
    for _ in range(3):
        data = open_notebook.file.read_bytes()
        open_notebook.file.write_bytes(data)
        fresh = open_notebook.file.with_name("again")
        fresh.write_bytes(data)
        fresh.replace(open_notebook.file)
    assert merged == []
    open_notebook.file.write_bytes(open_notebook.changed("c1", MINE))
    await comes_in(open_notebook)
    await open_notebook.sees(lambda: bool(merged))
    assert len(merged) == 1


def said_merged(event: object) -> bool:
    return getattr(event, "name", "") == "merged"


class TestPrograms:
    async def test_an_edit_by_sed_is_merged(self, open_notebook: OpenNotebook) -> None:
        async with open_notebook.while_typing():
            await open_notebook.runs(
                "sed", "-i", "s/two = 2/two = 'from outside'/", open_notebook.file
            )
            await comes_in(open_notebook)

    async def test_an_agent_that_rewrites_the_file_is_merged(
        self, open_notebook: OpenNotebook
    ) -> None:
        """The agent edits the file only: a changed text, a new, a deleted and a moved cell."""
        agent = (
            "import nbformat, sys; path = sys.argv[1]; nb = nbformat.read(path, 4); c = nb.cells;"
            f"c[1].source = {MINE!r}; del c[2]; c.insert(0, c.pop(2));"
            "c.append(nbformat.v4.new_markdown_cell('# Agent', id='agent'));"
            "nbformat.write(nb, path)"
        )
        async with open_notebook.while_typing():
            await open_notebook.python("-c", agent, open_notebook.file)
            await comes_in(open_notebook)
        assert [cell.id for cell in open_notebook.live.cells] == ["c3", "c0", "c1", "agent"]
        assert [cell["id"] for cell in open_notebook.whole()["cells"]] == [
            "c3",
            "c0",
            "c1",
            "agent",
        ]

    async def test_an_edit_by_nbstripout_is_merged(self, open_notebook: OpenNotebook) -> None:
        assert open_notebook.live.outputs("c3")
        async with open_notebook.while_typing():
            # A save of the room can replace what the program wrote in the same millisecond.
            for _ in range(3):
                await open_notebook.python("-m", "nbstripout", open_notebook.file)
                with suppress(asyncio.TimeoutError):
                    await open_notebook.live.wait_for(
                        lambda: not open_notebook.live.outputs("c3"), 20
                    )
                    break
        assert open_notebook.whole()["cells"][3]["outputs"] == []

    async def test_an_edit_by_black_is_merged(self, open_notebook: OpenNotebook) -> None:
        async with open_notebook.while_typing():
            await open_notebook.python("-m", "black", "--quiet", open_notebook.file)
            await open_notebook.sees(
                lambda: open_notebook.live.source("c2") == 'ugly = {"a": 1, "b": 2}'
            )
        assert open_notebook.source("c2") == 'ugly = {"a": 1, "b": 2}'

    @pytest.mark.long
    async def test_an_edit_by_jupytext_is_merged(self, open_notebook: OpenNotebook) -> None:
        """Convert to a script, edit the script, and convert back."""
        pytest.importorskip("jupytext", reason="it takes part in every server it is installed for")
        script = open_notebook.file.with_suffix(".py")
        async with open_notebook.while_typing():
            await open_notebook.python("-m", "jupytext", "--to", "py:percent", open_notebook.file)
            script.write_text(script.read_text().replace("two = 2", MINE))
            await open_notebook.python("-m", "jupytext", "--to", "ipynb", "--update", script)
            await comes_in(open_notebook)

    @pytest.mark.kernel
    async def test_nbconvert_executing_in_place_is_merged(
        self, open_notebook: OpenNotebook
    ) -> None:
        async with open_notebook.while_typing():
            await open_notebook.python(
                "-m", "jupyter", "nbconvert", "--to", "notebook", "--execute", "--inplace",
                open_notebook.file,
            )  # fmt: skip
            await open_notebook.sees(lambda: open_notebook.live.execution_count("c3") == 4)
        assert open_notebook.live.outputs("c3")[0]["text"] == "shown\n"
        assert open_notebook.whole()["cells"][3]["execution_count"] == 4

    @pytest.mark.long
    @pytest.mark.kernel
    async def test_papermill_running_in_place_is_merged(self, open_notebook: OpenNotebook) -> None:
        async with open_notebook.while_typing():
            await open_notebook.python(
                "-m",
                "papermill",
                open_notebook.file,
                open_notebook.file,
                "-p",
                "two",
                "3",
                "--no-progress-bar",
            )
            await open_notebook.sees(
                lambda: any("two = 3" in cell.source for cell in open_notebook.live.cells)
            )
            await open_notebook.sees(lambda: "papermill" in open_notebook.live._notebook.metadata())
        assert any("two = 3" in "".join(cell["source"]) for cell in open_notebook.whole()["cells"])


class TestGit:
    @pytest.fixture
    async def repository(self, open_notebook: OpenNotebook) -> OpenNotebook:
        """A repository on branch `main`; on branch `other` one cell differs."""
        await open_notebook.runs("git", "init", "--quiet", "--initial-branch=main")
        await open_notebook.runs("git", "config", "user.name", "Ana")
        await open_notebook.runs("git", "config", "user.email", "ana@example.org")
        await open_notebook.runs("git", "add", open_notebook.file.name)
        await open_notebook.runs("git", "commit", "--quiet", "-m", "main")
        await open_notebook.runs("git", "worktree", "add", "--quiet", "-b", "other", ".elsewhere")
        elsewhere = open_notebook.file.with_name(".elsewhere")
        (elsewhere / open_notebook.file.name).write_bytes(open_notebook.changed("c1", MINE))
        await open_notebook.runs("git", "-C", elsewhere, "commit", "--quiet", "-am", "other")
        await open_notebook.runs("git", "worktree", "remove", elsewhere)
        return open_notebook

    async def test_a_git_checkout_of_another_branch_is_merged(
        self, repository: OpenNotebook
    ) -> None:
        async with repository.while_typing():
            await repository.runs("git", "checkout", "--quiet", "--force", "other")
            await comes_in(repository)
        assert repository.source("c1") == MINE

    async def test_git_stash_and_pop_on_another_branch_are_merged(
        self, repository: OpenNotebook
    ) -> None:
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


async def test_a_symbolic_link_is_followed_and_stays_a_link(open_notebook: OpenNotebook) -> None:
    real = open_notebook.file.with_name("real.ipynb")
    open_notebook.file.rename(real)
    open_notebook.file.symlink_to(real.name)
    async with open_notebook.while_typing():
        real.write_bytes(open_notebook.changed("c1", MINE))
        await comes_in(open_notebook)
    assert open_notebook.file.readlink() == Path("real.ipynb")


async def test_a_file_copied_over_the_notebook_is_merged(open_notebook: OpenNotebook) -> None:
    copy = open_notebook.file.with_name("copy.ipynb")
    async with open_notebook.while_typing():
        copy.write_bytes(open_notebook.changed("c1", MINE))
        shutil.copy2(copy, open_notebook.file)
        await comes_in(open_notebook)
