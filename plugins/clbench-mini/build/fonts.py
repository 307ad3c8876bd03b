"""Which font families draw which glyphs: pre-training, task training and task test never share a family."""

from __future__ import annotations

import json
from pathlib import Path

HANDWRITING = """annie-use-your-telescope architects-daughter bad-script caveat caveat-brush cedarville-cursive
covered-by-your-grace dancing-script delicious-handrawn delius gaegu gloria-hallelujah gochi-hand handlee homemade-apple
indie-flower kalam kaushan-script marck-script nanum-pen-script nanum-brush-script neucha patrick-hand permanent-marker
reenie-beanie rock-salt schoolbell shadows-into-light shantell-sans short-stack sriracha sue-ellen-francisco
swanky-and-moo-moo the-girl-next-door yomogi comic-neue itim grandstander balsamiq-sans amatic-sc courgette cookie damion
satisfy whisper liu-jian-mao-cao long-cang zhi-mang-xing ma-shan-zheng""".split()

PRINT = """abel actor aleo alata arvo assistant barlow bitter bree-serif cabin chivo crimson-pro cormorant dosis domine
exo-2 fjalla-one heebo hind josefin-sans karla lato lora merriweather montserrat mulish nunito oswald oxygen poppins prata
quicksand raleway rubik sarabun signika teko titillium-web work-sans zilla-slab space-mono vt323 lobster pacifico righteous
bangers bebas-neue abril-fatface special-elite orbitron""".split()

#: Families with Greek glyphs. A super-family (Fira, Noto, Roboto, Source, ...) stays whole on one side.
GREEK_PRETRAIN = """arimo cousine open-sans manrope gfs-didot playpen-sans inter inter-tight jura press-start-2p
google-sans cardo""".split()
GREEK_TRAIN = """alegreya alegreya-sans fira-code fira-mono fira-sans fira-sans-condensed fira-sans-extra-condensed
noto-sans noto-sans-display noto-sans-mono noto-serif noto-serif-display comfortaa comic-relief didact-gothic ibm-plex-sans
m-plus-1p m-plus-rounded-1c literata tinos geologica anonymous-pro sofia-sans zen-kurenaido""".split()
GREEK_TEST = """roboto roboto-condensed roboto-mono roboto-slab source-code-pro source-sans-3 source-serif-4
eb-garamond gentium-plus mansalva play piazzolla stix-two-text vollkorn victor-mono commissioner cascadia-code
carlito""".split()

GREEK_LETTERS = {
    name: chr(code)
    for name, code in zip(
        """alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi omicron pi rho sigma tau upsilon phi
        chi psi omega""".split(),
        [*range(0x3B1, 0x3C2), *range(0x3C3, 0x3CA)],
        strict=True,
    )
}
DIGIT_WORDS = "zero one two three four five six seven eight nine".split()


def font_path(packages: Path, family: str, subset: str = "latin") -> Path:
    """Return the regular upright face of a font package."""
    return packages / family / "files" / f"{family}-{subset}-400-normal.woff2"


def font_licence(packages: Path, family: str) -> tuple[str, str]:
    """Return (SPDX licence, attribution) of a font package."""
    licence = json.loads((packages / family / "metadata.json").read_text())["license"]
    return licence["type"], licence["attribution"]
