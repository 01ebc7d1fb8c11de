"""What documents cost to draw on this machine: `python -m scripts.pdf_cost`. Figures of docs/invoices.md."""

import json
import resource
import statistics
import time

from shop.services import pdf
from tests.services.test_pdf import line, paper

PAGES = 300


def main() -> None:
    before = _megabytes()
    first, _ = _timed(paper())
    loaded = _megabytes()
    drawn = [_timed(paper(number=f"INV-2026-{number:06}")) for number in range(PAGES)]
    long, _ = _timed(paper(lines=[line(f"Line {number}", f"£{number}.00") for number in range(60)]))
    times = sorted(seconds for seconds, _ in drawn)
    figures = {
        "first_ms": _ms(first),
        "median_ms": _ms(statistics.median(times)),
        "p95_ms": _ms(times[int(PAGES * 0.95)]),
        "sixty_lines_ms": _ms(long),
        "kilobytes": round(drawn[0][1] / 1024),
        "first_megabytes": round(loaded - before),
        "more_megabytes_after_all": round(_megabytes() - loaded),
    }
    print(json.dumps(figures, indent=2))


def _timed(content: dict) -> tuple[float, int]:
    begun = time.perf_counter()
    paper_bytes = pdf.render(content, issued=0)
    return time.perf_counter() - begun, len(paper_bytes)


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 1)


def _megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
