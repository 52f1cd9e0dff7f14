"""Write down what each timeline format cannot carry, out of the code that writes it.

python docs/make_losses.py rewrites the table in docs/timelines.md.
"""

from __future__ import annotations

from pathlib import Path

from soundmatte.timelines import formats

_PAGE = Path(__file__).with_name("timelines.md")
_BEGIN, _END = "<!-- the table: docs/make_losses.py -->\n", "<!-- behind the table -->\n"


def table() -> str:
    """A row for each thing that a new document of a format does not carry."""
    lines = ["| a new document in | | |", "|---|---|---|"]
    for name in formats.WRITTEN:
        title = formats.named(name).title
        for what, sentence in formats.writer(name).LOSSES:
            lines.append(f"| {title} | {what} | {sentence} |")
    return "\n".join(lines) + "\n"


def page(text: str) -> str:
    """The page with the table as it is now."""
    before, _, rest = text.partition(_BEGIN)
    _, _, after = rest.partition(_END)
    return f"{before}{_BEGIN}\n{table()}\n{_END}{after}"


if __name__ == "__main__":
    _PAGE.write_text(page(_PAGE.read_text(encoding="utf-8")), encoding="utf-8")
