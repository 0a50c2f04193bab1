from __future__ import annotations

import io

from ...scripts.lib.headless_demo import Screen


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def play(out: io.StringIO) -> str:
    screen = Screen(out)
    screen.step("Compose")
    screen.text("queued")
    screen.progress(1, 4)
    screen.progress(4, 4)
    screen.text("completed")
    screen.line("done")
    return out.getvalue()


def test_a_file_gets_only_what_does_not_change_any_more():
    full = "#" * 30
    assert play(io.StringIO()) == f"Compose\n  [{full}] 100%  completed\ndone\n"


def test_a_terminal_gets_a_line_that_changes():
    shown = play(Terminal())
    assert "\r  queued" in shown
    assert " 25%  queued" in shown
    assert shown.endswith("100%  completed\ndone\n")


def test_a_shorter_line_covers_the_longer_one():
    out = Terminal()
    screen = Screen(out)
    screen.text("a long text")
    screen.text("short")
    assert out.getvalue().endswith("\r  short      ")


def test_a_total_of_nothing_is_no_progress():
    out = Terminal()
    Screen(out).progress(1, 0)
    assert "  0%" in out.getvalue()
