"""Numbers and rows as Markdown."""


def seconds(value):
    """Write a time in the unit that suits it."""
    if value is None:
        return "-"
    if value < 1e-3:
        return f"{value * 1e6:.1f} us"
    return f"{value * 1e3:.2f} ms" if value < 1 else f"{value:.2f} s"


def number(value, form):
    """Write a number in a format, or a dash for None."""
    return "-" if value is None else format(value, form)


def table(header, rows):
    """Return the lines of a Markdown table."""

    def line(cells):
        return f"| {' | '.join(str(cell).replace('|', '/') for cell in cells)} |"

    return "\n".join(map(line, [header, ["---"] * len(header), *rows]))
