"""Fetch the vendored front-end files and build the icon sprite.

Run by hand when a version or the icon list changes; the results are committed, so neither
the product nor its tests need npm. `--icons` rebuilds the icons alone.
"""

import argparse
import re
import shutil
import subprocess
import tarfile
import tempfile
import urllib.parse
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
STATIC = ROOT / "shop" / "static"
ICON_LIST = Path(__file__).with_name("icons.txt")
LUCIDE = "lucide-static@1.62.0"

# The RevivaTech mark, our own drawing: a dial whose hand is a tick.
BRAND = '<path d="M21 12.5a9 9 0 1 1-9-9h5.2M12.6 3.5v4.3M8 12.6l3.1 3.1 6.2-6.4"/>'

# package@version -> (target folder, {file in the package: file in the folder})
PACKAGES = {
    "htmx.org@2.0.11": (
        STATIC / "vendor/htmx-2.0.11",
        {"dist/htmx.min.js": "htmx.min.js", "LICENSE": "LICENSE"},
    ),
    "idiomorph@0.8.0": (
        STATIC / "vendor/idiomorph-0.8.0",
        {"dist/idiomorph-ext.min.js": "idiomorph-ext.min.js", "LICENSE": "LICENSE"},
    ),
    "socket.io-client@4.8.4": (
        STATIC / "vendor/socket.io-client-4.8.4",
        {"dist/socket.io.esm.min.js": "socket.io.esm.min.js", "LICENSE": "LICENSE"},
    ),
    "@fontsource-variable/inter@5.3.0": (
        STATIC / "vendor/inter-5.3.0",
        {
            "files/inter-latin-opsz-normal.woff2": "inter-latin.woff2",
            "files/inter-latin-ext-opsz-normal.woff2": "inter-latin-ext.woff2",
            "LICENSE": "LICENSE",
        },
    ),
    "axe-core@4.14.1": (
        ROOT / "tests/browser/vendor",
        {"axe.min.js": "axe.min.js", "LICENSE": "axe-LICENSE"},
    ),
}


def fetch(package: str, *, into: Path) -> Path:
    """Download one npm package and return the folder it was unpacked to."""
    packed = subprocess.run(["npm", "pack", "--silent", package], cwd=into, check=True, capture_output=True, text=True)
    archive = into / packed.stdout.strip().splitlines()[-1]
    with tarfile.open(archive) as tar:
        tar.extractall(into / archive.stem, filter="data")
    return into / archive.stem / "package"


def copy_package(package: str, *, workdir: Path) -> None:
    target, files = PACKAGES[package]
    source = fetch(package, into=workdir)
    target.mkdir(parents=True, exist_ok=True)
    for name, saved_as in files.items():
        shutil.copyfile(source / name, target / saved_as)


def read_icon_list() -> dict[str, bool]:
    """Icon name -> whether it also needs a CSS mask."""
    lines = (line.split() for line in ICON_LIST.read_text().splitlines())
    return {words[0]: "mask" in words[1:] for words in lines if words and words[0] != "#"}


def icon_body(folder: Path, *, name: str) -> str:
    svg = (folder / "icons" / f"{name}.svg").read_text()
    inner = re.search(r"<svg[^>]*>(.*)</svg>", svg, re.DOTALL).group(1)
    return re.sub(r"\s+", " ", inner).replace(" />", "/>").strip()


def build_sprite(bodies: dict[str, str]) -> str:
    symbols = "\n".join(
        f'<symbol id="i-{name}" viewBox="0 0 24 24">{body}</symbol>'
        for name, body in {"brand": BRAND, **bodies}.items()
    )
    licence = f"<!-- {LUCIDE}, ISC licence, see vendor/lucide/LICENSE. Built by scripts/vendor_assets.py -->"
    return f'<svg xmlns="http://www.w3.org/2000/svg">\n{licence}\n{symbols}\n</svg>\n'


def build_masks(bodies: dict[str, str]) -> str:
    lines = [f'  --mask-{name}: url("{_data_uri(body)}");' for name, body in bodies.items()]
    head = f"/* {LUCIDE}, ISC licence. Built by scripts/vendor_assets.py from scripts/icons.txt. */"
    return "\n".join([head, "@layer tokens {\n:root {", *lines, "}\n}", ""])


def _data_uri(body: str) -> str:
    svg = (
        "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 24 24' fill='none' stroke='#000'"
        " stroke-width='2' stroke-linecap='round' stroke-linejoin='round'>" + body.replace('"', "'") + "</svg>"
    )
    return "data:image/svg+xml," + urllib.parse.quote(svg, safe=" =:/'")


def build_icons(*, workdir: Path) -> None:
    folder = fetch(LUCIDE, into=workdir)
    wanted = read_icon_list()
    bodies = {name: icon_body(folder, name=name) for name in wanted}
    (STATIC / "icons.svg").write_text(build_sprite(bodies))
    masks = {name: body for name, body in bodies.items() if wanted[name]}
    (STATIC / "css/icons.css").write_text(build_masks(masks))
    (STATIC / "vendor/lucide").mkdir(parents=True, exist_ok=True)
    shutil.copyfile(folder / "LICENSE", STATIC / "vendor/lucide/LICENSE")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--icons", action="store_true", help="rebuild only the icons")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as workdir:
        build_icons(workdir=Path(workdir))
        for package in () if options.icons else PACKAGES:
            copy_package(package, workdir=Path(workdir))


if __name__ == "__main__":
    main()
