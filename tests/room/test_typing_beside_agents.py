"""An agent appends to the cell in which a person is typing."""

from __future__ import annotations

from ..support.network import Network


def test_text_of_an_agent_is_inserted_after_the_word_that_a_user_types() -> None:
    for seed in range(40):
        net = Network("", seed=seed)
        ana = net.join("ana")
        bot = net.join("bot", kind="agent")
        for index in range(8):
            word = f"word{index}"
            for at, character in enumerate(word):
                # Ana's caret stays behind her text, wherever the agent's text stands.
                ana.type("c0", character, at=_behind(ana.source("c0"), word[:at]))
                if at == len(word) // 2:
                    bot.type("c0", f" [from the agent {index}]")
                net.run_for(net.clock.random.choice([0, 1, 5, 20]))
            net.run_until_quiet()
        text = ana.source("c0")
        assert all(text.count(f"word{index}") == 1 for index in range(8)), (seed, text)
        assert all(text.count(f"[from the agent {index}]") == 1 for index in range(8)), (seed, text)
        net.assert_converged()


def _behind(source: str, typed: str) -> int:
    return source.rindex(typed) + len(typed) if typed else len(source)
