"""Documents as PDF: every amount readable, tagged, the same bytes each time, whatever people are called."""

import io
import json
import os
import socket
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from pypdf import PdfReader

from shop.services import pdf

FONTS = Path(pdf.__file__).parents[1] / "fonts"
ISSUED = int(datetime(2026, 11, 24, 10, tzinfo=UTC).timestamp())
MARKUP = '#panic("x") $x^2$ *bold* _it_ @ref <label> `raw` \\u{1F600} // [#set page(fill: red)] "quoted" ~ - + / = ==='


def paper(**values) -> dict:
    """What a document says, with plain defaults."""
    return {
        "layout": 1,
        "lang": "en",
        "region": "GB",
        "kind": "invoice",
        "number": "INV-2026-000123",
        "title": "Invoice",
        "subtitle": "",
        "company": {"name": "RevivaTech Ltd", "lines": ["14 Weaver’s Yard", "London E2 7JP"], "logo": ""},
        "buyer": {"heading": "Billed to", "name": "Hannah Whitcombe", "lines": ["hannah@example.com"]},
        "facts": [["Issued", "24 November 2026"], ["Ticket", "RT-10482"]],
        "columns": ["Description", "VAT", "Amount"],
        "lines": [line("Screen", "£189.00"), line("Member", "-£18.90")],
        "rates": {"heading": "VAT", "columns": ["Rate", "Net", "VAT", "Total"],
                  "rows": [["20%", "£141.75", "£28.35", "£170.10"]]},
        "totals": [["Total, including VAT", "£170.10"], ["Deposit", "-£42.53"]],
        "due": ["To pay", "£127.57"],
        "stamp": {"text": "Pay by 8 December 2026", "tone": "warn"},
        "pay": {"heading": "Pay online", "text": "Scan it.", "url": "https://shop.example/track/abc",
                "shown": "shop.example", "alt": "Code"},
        "bank": {"heading": "Or by bank transfer", "rows": [["IBAN", "GB33 BUKB 2020 1555 5555 55"]]},
        "notes": ["All amounts include VAT."],
        "footer": "RevivaTech Ltd",
        "page": "Page [page] of [pages]",
        **values,
    }  # fmt: skip


def line(label: str, shown: str) -> dict:
    return {"label": label, "rate": "20%", "shown": shown, "amount": 0, "rate_bp": 2000}


def read(content: dict) -> PdfReader:
    return PdfReader(io.BytesIO(pdf.render(content, issued=ISSUED)))


def text_of(content: dict) -> str:
    return "\n".join(page.extract_text() for page in read(content).pages).replace("\u200b", "")


def test_every_amount_and_every_text_can_be_read():
    text = text_of(paper())

    amounts = ("£189.00", "-£18.90", "£141.75", "£28.35", "£170.10", "-£42.53", "£127.57")
    others = (
        "INV-2026-000123",
        "Hannah Whitcombe",
        "GB33 BUKB 2020 1555 5555 55",
        "All amounts include VAT.",
        "1 of 1",
    )
    for words in (*amounts, *others):
        assert words in text


def test_document_is_tagged_titled_and_says_its_language():
    root = read(paper(lang="pt", region="BR")).trailer["/Root"]
    kinds = set(_kinds(root["/StructTreeRoot"]["/K"]))

    assert root["/MarkInfo"]["/Marked"].value is True
    assert root["/Lang"] == "pt-BR"
    assert root["/ViewerPreferences"]["/DisplayDocTitle"].value is True
    assert b"<pdfuaid:part>1</pdfuaid:part>" in root["/Metadata"].get_data()
    assert {"/H1", "/H2", "/Table", "/TH", "/TD", "/Figure", "/Link"} <= kinds


def test_fonts_are_embedded_and_codes_have_words():
    reader = read(paper())
    fonts = [font.get_object() for font in reader.pages[0]["/Resources"]["/Font"].values()]
    described = [font["/DescendantFonts"][0].get_object()["/FontDescriptor"] for font in fonts]

    assert fonts
    assert all("Inter" in font["/BaseFont"] for font in fonts)
    assert all("/FontFile2" in entry or "/FontFile3" in entry for entry in described)


def test_same_content_gives_the_same_bytes():
    assert pdf.render(paper(), issued=ISSUED) == pdf.render(paper(), issued=ISSUED)
    assert pdf.render(paper(), issued=ISSUED) != pdf.render(paper(due=["To pay", "£1.00"]), issued=ISSUED)


def test_content_read_back_from_json_gives_the_same_bytes():
    kept = json.loads(json.dumps(paper(), ensure_ascii=False))

    assert pdf.render(kept, issued=ISSUED) == pdf.render(paper(), issued=ISSUED)


def test_what_people_type_is_never_read_as_markup():
    text = text_of(paper(buyer={"heading": "x", "name": MARKUP, "lines": [MARKUP]}, lines=[line(MARKUP, "£1.00")]))

    assert " ".join(text.split()).count(" ".join(MARKUP.split())) >= 1
    for piece in ('#panic("x")', "$x^2$", "*bold*", "_it_", "@ref", "<label>", "`raw`"):
        assert piece in text


@pytest.mark.parametrize(
    "name",
    [
        "محمد بن علي", "שרה לוי", "李小龍", "Zoë Þórsdóttir-Åkesson", "Ελένη Παπαδοπούλου", "Олена Шевченко",
        "Nguyễn Thị Ánh", "İıŞşĞğ", "", " ", "Ω≈ç√∫˜µ≤≥÷", "x" * 120, "W" * 120,
        "Hannah 💅🏽👩‍👩‍👧", "A\u0301 e\u0308 \u200d\ufe0f\u200e\u202e\u0000\ud7ff\ue000",
    ],
)  # fmt: skip
def test_every_name_can_be_drawn(name):
    reader = read(paper(buyer={"heading": "Billed to", "name": name, "lines": [name, f"{name}@example.com"]}))

    assert len(reader.pages) == 1


@settings(max_examples=200 if os.environ.get("FAULTS") == "full" else 40, deadline=None)
@given(st.text(min_size=1, max_size=60))
def test_no_text_stops_a_document(text):
    content = paper(buyer={"heading": text, "name": text, "lines": [text]}, lines=[line(text, text)], notes=[text])

    assert pdf.render(content, issued=ISSUED).startswith(b"%PDF-")


def test_scripts_that_the_fonts_have_are_drawn_and_others_are_marked():
    text = text_of(paper(buyer={"heading": "x", "name": "Олена Ελένη 李", "lines": []}))

    assert "Олена Ελένη □" in text


def test_long_lists_go_over_several_pages_with_their_head():
    lines = [line(f"Line {number}", f"£{number}.00") for number in range(60)]

    pages = [page.extract_text() for page in read(paper(lines=lines)).pages]

    assert len(pages) == 3
    assert all("Description" in page for page in pages[:2])
    assert [f"Page {number} of 3" in page for number, page in enumerate(pages, 1)] == [True] * 3
    assert [
        sum(page.count(f"Line {number}\n") + page.count(f"Line {number} ") for page in pages) for number in (0, 59)
    ] == [1, 1]


def test_text_stays_on_the_page_however_long_its_words():
    # The right margin is 20 mm wide: nothing is drawn there.
    content = paper(
        buyer={"heading": "x", "name": "W" * 120, "lines": ["m" * 250]}, lines=[line("M" * 200, "£1,234,567.89")]
    )
    image = Image.open(io.BytesIO(pdf.picture(content, ppi=72)[0])).convert("L")
    margin = image.crop((image.width - 50, 0, image.width, image.height))

    assert margin.getextrema()[0] > 250


def test_receipt_without_rates_bank_and_link_is_whole():
    text = text_of(paper(columns=["Description", "Amount"], rates=None, pay=None, bank=None, stamp=None, notes=[]))

    assert "£127.57" in text


def test_threads_draw_at_the_same_time():
    drawn: set[bytes] = set()
    threads = [threading.Thread(target=lambda: drawn.add(pdf.render(paper(), issued=ISSUED))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)

    assert len(drawn) == 1


def test_nothing_is_asked_of_the_network(monkeypatch):
    def refuse(*_args, **_kwargs):
        raise AssertionError("no socket is needed")

    monkeypatch.setattr(socket, "socket", refuse)

    assert pdf.render(paper(), issued=ISSUED).startswith(b"%PDF-")


def test_own_logo_is_drawn():
    logo = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 4 1"><rect width="4" height="1" fill="#a3203b"/></svg>'
    plain = pdf.render(paper(), issued=ISSUED)

    assert pdf.render(paper(company={"name": "Acme", "lines": [], "logo": logo}), issued=ISSUED) != plain


def test_every_font_has_its_licence_and_is_named_in_the_list_of_what_it_draws():
    assert {path.name.partition("-")[0] for path in FONTS.glob("*.ttf")} == {
        path.name.partition("-")[0] for path in FONTS.glob("*-LICENSE.txt")
    }
    assert {"A", "é", "Ж", "Ω", "م", "ש", "£", "€", "−", "□"} <= pdf._covered()


def _kinds(node):
    node = node.get_object() if hasattr(node, "get_object") else node
    if isinstance(node, list):
        for part in node:
            yield from _kinds(part)
    elif isinstance(node, dict):
        if "/S" in node:
            yield node["/S"]
        if "/K" in node:
            yield from _kinds(node["/K"])
