"""QR codes of addresses and payments. Black on nothing, so that the page gives the ground."""

import io

import segno


def svg(address: str) -> bytes:
    return _drawn(address, kind="svg", scale=4, border=2, dark="#13212b", svgclass=None, lineclass=None)


def png(address: str) -> bytes:
    """For e-mail, where SVG is not shown."""
    return _drawn(address, kind="png", scale=6, border=2, dark="#13212b", light="#ffffff")


def label_svg(number: str) -> str:
    """A ticket's number to stand in a page: without a margin, for the label has its own."""
    drawn = segno.make(number, error="m", micro=False)
    return drawn.svg_inline(border=0, dark="#000", svgclass=None, lineclass=None, omitsize=True)


def payment_svg(code: str) -> str:
    """What a bank's app reads, to stand in a page, with the quiet margin that the norm asks for."""
    drawn = segno.make(code, error="m", micro=False)
    return drawn.svg_inline(border=4, dark="#000", svgclass=None, lineclass=None, omitsize=True)


def _drawn(address: str, **style) -> bytes:
    image = io.BytesIO()
    segno.make(address, error="m", micro=False).save(image, **style)
    return image.getvalue()
