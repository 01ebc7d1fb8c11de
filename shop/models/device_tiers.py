"""Where a model stands in the price list, and how often the shop may expect to see it.

Tiers: S1 flagship, S2 standard and S3 budget phones, SF folding phones; T1-T3 tablets; L1-L3
laptops; D1 gaming and workstation, D2 ordinary desktop, DA all-in-one; C1 current and C2 earlier
home consoles, CH handhelds; W1 and W2 watches.
"""

import re

TIERS = {
    "smartphone": ("S1", "S2", "S3", "SF"),
    "tablet": ("T1", "T2", "T3"),
    "laptop": ("L1", "L2", "L3"),
    "desktop": ("D1", "D2", "DA"),
    "console": ("C1", "C2", "CH"),
    "wearable": ("W1", "W2"),
}

# First match wins; a category's last entry is what everything else falls into.
_PATTERNS = {
    "smartphone": (
        ("SF", r"\bfold|\bflip|\brazr|magic v\d|oneplus open|trifold|iphone duo|find n\d|mix fold"),
        (
            "S1",
            r"iphone \d+ pro|iphone air|iphone xs|iphone x$|galaxy s\d+ ?(ultra|edge)"
            r"|note ?\d+ ?(ultra|\+)|\bultra\b|pixel (9|1\d) pro|find x\d pro|rog phone",
        ),
        (
            "S3",
            r"galaxy [ajm]\d|\bredmi|\bpoco (c|m)|moto [ceg]\d*\b|motorola one|nokia [cg]?\d"
            r"|\bnokia\b|realme c|realme \d+\b(?! pro)|oppo a\d|honor x|\blite\b|p smart|xperia l"
            r"|\bnord (n|ce)|iphone (4s|5|5c|5s|6|6s)\b|cmf|zenfone max|\blg (k|q)|galaxy (core|ace)",
        ),
        ("S2", ""),
    ),
    "tablet": (
        ("T1", r"ipad pro|tab s\d+ ?(\+|ultra)|surface pro|surface book|oneplus pad 3"),
        (
            "T3",
            r"kindle|\bfire\b|tab a|tab e\b|tab 3|tab 4|ipad (2|\()|ipad mini$|ipad mini [23]$"
            r"|nokia|tab m10|mediapad|redmi pad|surface go|surface rt|nexus",
        ),
        ("T2", ""),
    ),
    "laptop": (
        (
            "L1",
            r"macbook pro 1[46]|macbook pro \(16|macbook air 1|macbook pro 13-inch \(m|macbook neo"
            r"|xps|spectre|blade|alienware|zephyrus|surface (laptop|book)|x1 |titan|raider|stealth"
            r"|gram|zenbook (s|duo|pro)|legion pro|yoga 9|omnibook|galaxy book\d (pro|ultra)|dragonfly"
            r"|matebook x|precision|thinkpad p\d|creator",
        ),
        (
            "L3",
            r"hp laptop|aspire|ideapad (1|3|100|s145|320|330|slim 3)|inspiron|vivobook|chromebook"
            r"|asus x\d|swift sf1|surface laptop go|latitude [ed]\d|thinkpad e\d|modern 1\d"
            r"|galaxy book go|matebook d",
        ),
        ("L2", ""),
    ),
    "desktop": (
        ("DA", r"imac|all-in-one|surface studio|m83z"),
        (
            "D1",
            r"gaming|water-cooled|workstation|mac pro|mac studio|rog|tuf|aorus|taichi|steel legend"
            r"|phantom|crosshair|aurora|alienware|omen",
        ),
        ("D2", ""),
    ),
    "console": (
        ("CH", r"switch|ds\b|3ds|2ds|\bdsi|game ?boy|portable|vita|portal|steam deck|ally|legion go|claw|edge"),
        ("C1", r"playstation 5|xbox series|quest 3"),
        ("C2", ""),
    ),
    "wearable": (
        ("W1", r"ultra|apple watch series ([789]|1\d)|watch[5-9] (pro|classic)|watch ultra|fenix|pixel watch [345]"),
        ("W2", ""),
    ),
}
_COMPILED = {
    category: tuple((tier, re.compile(pattern)) for tier, pattern in patterns)
    for category, patterns in _PATTERNS.items()
}

# What a repair shop sees most, before its own repairs give a better count.
_BRAND_WEIGHT = {
    "Apple": 60,
    "Samsung": 50,
    "Sony": 45,
    "Nintendo": 45,
    "Microsoft": 38,
    "Google": 32,
    "HP": 28,
    "Dell": 28,
    "Lenovo": 28,
    "Xiaomi": 24,
    "ASUS": 22,
    "OnePlus": 20,
    "Huawei": 20,
    "Acer": 20,
}
_TYPICAL_REPAIR_YEAR = 2022
# Phones come to the counter most, watches least (the first letter of a tier is its kind).
_KIND = {"S": 30, "L": 18, "T": 10, "C": 12, "D": 5}
_WORTH = {"1": 12, "2": 6, "A": 6, "H": 9, "F": 4}


def derive_tier(category: str, *, brand: str, name: str) -> str:
    text = f"{brand} {name}".lower()
    return next(tier for tier, pattern in _COMPILED[category] if pattern.search(text))


def derive_popularity(*, brand: str, release_year: int | None, specs: dict, tier: str) -> int:
    """0 to about 170: phones, known brands, models three to five years old, dear ones, often reported PCs."""
    age_distance = abs((release_year or 2012) - _TYPICAL_REPAIR_YEAR)
    reports = specs.get("community_reports", 0)
    reports = min(reports, 100) // 4 if type(reports) is int else 0
    near = max(0, 40 - 7 * age_distance)
    return _BRAND_WEIGHT.get(brand, 10) + _KIND.get(tier[0], 0) + near + reports + _WORTH.get(tier[1], 0)
