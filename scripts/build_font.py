"""Makes the pages' font, src/heliograph/web/static/heliograph/fonts/inter.woff2, from the package `fontpkg-inter` (Inter 4.1, SIL OFL 1.1).

Run by `make setup` and by the build of the wheel; the result is not committed. Needs fontpkg-inter, fonttools and brotli.
Kept are Latin, Greek, Cyrillic and the signs that the pages use, weights 400 to 600 and the optical sizes; names in other scripts are
shown in the system's font. The licence lies beside the font, as the OFL asks.
"""

from __future__ import annotations

from importlib.resources import files
from io import BytesIO
from pathlib import Path

from fontTools.subset import Options, Subsetter
from fontTools.ttLib import TTFont
from fontTools.varLib.instancer import instantiateVariableFont

KEPT = (
    (0x0020, 0x024F),  # Latin, with its extensions
    (0x02B0, 0x036F),  # modifiers and combining marks
    (0x0370, 0x04FF),  # Greek, Cyrillic
    (0x1E00, 0x1EFF),  # Latin additional: Vietnamese
    (0x2000, 0x206F),  # punctuation
    (0x20A0, 0x20BF),  # currencies
    (0x2100, 0x214F),  # letterlike
    (0x2190, 0x22FF),  # arrows, mathematics
)
FEATURES = ["kern", "liga", "calt", "ccmp", "locl", "mark", "mkmk", "tnum", "case", "ss03"]
FONTS = Path(__file__).resolve().parent.parent / "src" / "heliograph" / "web" / "static" / "heliograph" / "fonts"


def build(folder: Path = FONTS) -> Path:
    """Writes the font and its licence into `folder`; gives the font's path. Makes it anew only where it is missing."""
    made = folder / "inter.woff2"
    if made.exists():
        return made
    package = files("fontpkg_inter")
    weights = BytesIO()
    with (package / "files" / "Inter[opsz,wght].ttf").open("rb") as source:
        instantiateVariableFont(TTFont(source), {"wght": (400, 400, 600)}).save(weights)
    weights.seek(0)
    font = TTFont(weights)  # read again: the instancer leaves tables half decoded
    options = Options()
    options.layout_features = FEATURES
    options.name_IDs = ["*"]
    subsetter = Subsetter(options)
    subsetter.populate(unicodes=[code for low, high in KEPT for code in range(low, high + 1)])
    subsetter.subset(font)
    font.flavor = "woff2"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "OFL.txt").write_text((package / "LICENSE").read_text(encoding="utf-8"), encoding="utf-8")
    part = made.with_suffix(".part")
    font.save(part)
    part.replace(made)  # whole, or not there
    return made


if __name__ == "__main__":
    path = build()
    print(f"{path.name}: {path.stat().st_size:,} bytes")
