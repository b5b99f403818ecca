"""A user who may only read types into the notebook, and saves.

Two users have different tokens, and Jupyter Server's authorizer gives one of them only the read
permission. The server has no token of its own, because JupyterLab gives such a token to each page.
Words of the reader that reach the other user or the file are unwanted.
"""

from __future__ import annotations

from ..stage import Stage, write_notebook
from ..systems import TOKEN
from ..tally import Tally, words

TITLE = "words typed by a user without write permission"
NOTEBOOK = "read_only/nb.ipynb"
VARIANTS = ("",)
WORDS = 10
READER = "reader-token"
CONFIG = f"""
from jupyter_server.auth import Authorizer, IdentityProvider, User

class TwoUsers(IdentityProvider):
    async def get_user_token(self, handler):
        token = self.get_token(handler)
        if token == "{READER}":
            return User(username="reader", name="Reader", display_name="Reader")
        if token == "{TOKEN}":
            return User(username="writer", name="Writer", display_name="Writer")
        return None

class ReaderReads(Authorizer):
    def is_authorized(self, handler, user, action, resource):
        return user.username == "writer" or action == "read"

c.ServerApp.identity_provider_class = TwoUsers
c.ServerApp.authorizer_class = ReaderReads
"""


def run(stage: Stage, _: str) -> Tally:
    typed = words("w", WORDS)
    with stage.own_server(config=CONFIG, token="") as server:
        file = server.root / NOTEBOOK
        write_notebook(file, "# ", "2")
        with stage.person(server.page(NOTEBOOK)) as writer, stage.person() as reader:
            opened = reader.opens(server.page(NOTEBOOK, token=READER))
            if opened:
                reader.go_to(0)
                for word in typed:
                    reader.type(f" {word}")
                reader.press_save()
                reader.page.wait_for_timeout(5_000)
            left = writer.text() + file.read_text()
    taken = sum(word in left for word in typed)
    tally = Tally(of=WORDS, refused=WORDS - taken, unwanted=taken)
    return tally if opened else tally.noting("the reader cannot open the notebook")
