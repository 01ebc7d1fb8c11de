"""What customers and technicians write: complaints from real repair records, and the words of a workshop."""

import csv
import gzip
import random
import re
from collections import Counter, defaultdict
from pathlib import Path
from typing import NamedTuple

from shop.models.catalogue import DeviceModel, RepairType

_RECORDS = Path(__file__).parents[2] / "seed" / "problems.csv.gz"
_LONGEST = 600

# Records of one partner begin with the kind of device and end with a dash.
# A complaint that names a product would stand on the wrong device.
_NAMES = re.compile(
    r"i-?(?:phone|pad|pod|mac)|kindle|x-?box|\bps\d|playstation|\bwii|nintendo|switch\b.*console|macbook|galaxy|samsung|"
    r"nokia|huawei|lenovo|toshiba|\bdell\b|\bacer\b|\bhp\b|\basus\b|sony|motorola|google|pixel|surface|lovefone",
    re.I,
)
_FRAME = re.compile(
    r"^(?:(?:mobile|laptop|tablet|desktop computer|games console|handheld|phone)\b[^-]{0,25}-\s*)?(.*?)[\s-]*$", re.I
)

# The first line that reads like the complaint and has a repair that fits the device decides.
_REPAIRS = tuple(
    (re.compile(words), slugs.split())
    for words, slugs in (
        (r"water|liquid|spill|\bwet\b|coffee|\btea\b|damp", "water-keyboard water-diagnosis"),
        (r"\bdata\b|photos|recover|retriev", "data-logical data-dead-device"),
        (r"hdmi|no picture|no signal", "console-hdmi"),
        (
            r"screen|display|crack|glass|\blcd\b|digiti",
            "phone-display-original phone-display-compatible phone-glass tablet-display tablet-glass laptop-display "
            "desktop-display handheld-display watch-display",
        ),
        (r"keyboard|\bkeys?\b", "laptop-keyboard"),
        (r"hinge|\blid\b|\bcase\b", "laptop-hinge"),
        (r"trackpad|touchpad|mouse", "laptop-trackpad"),
        (r"batter|drain|flat\b", "phone-battery tablet-battery laptop-battery handheld-battery watch-battery"),
        (r"charg|\bport\b|\busb\b|socket|cable", "phone-port tablet-port laptop-port handheld-port phone-port-clean"),
        (r"\bfan|overheat|\bhot\b|nois|loud", "computer-cooling console-cooling"),
        (r"virus|malware|pop.?up|scam", "computer-virus"),
        (r"slow|upgrade|\bssd\b|hard ?d|memory|\bram\b|storage", "computer-storage computer-memory console-storage"),
        (r"disc|disk|dvd|eject", "console-drive"),
        (r"controller|stick|drift|joycon", "console-controller"),
        (r"button|crown", "phone-buttons tablet-buttons watch-crown"),
        (r"camera|lens", "phone-camera tablet-camera"),
        (r"speaker|sound|audio|volume", "phone-speaker tablet-speaker"),
        (r"microphone|\bmic\b", "phone-microphone"),
        (r"\bsim\b|network", "phone-sim"),
        (r"window|install|update|password|software|login|reset|boot", "computer-reinstall console-software"),
        (r"power|turn|start|dead|switch|\bon\b", "desktop-power console-power phone-board laptop-board console-board"),
    )
)
_OTHERWISE = "-check"

PLACES_WAITING = tuple(f"Shelf {row}{number}" for row in "ABCD" for number in range(1, 7))
PLACES_WORKING = ("Bench 1", "Bench 2", "Bench 3", "Bench 4", "Microscope")
PLACES_READY = ("Counter safe", "Pick-up rack 1", "Pick-up rack 2")

DIAGNOSES = (
    "Confirmed as described. {part} to be replaced, everything else tests fine.",
    "{part} is faulty. Board and battery measured, both good.",
    "Opened and inspected: {part} damaged, no sign of moisture. Spare is a stock part.",
    "Fault shows after ten minutes under load. {part} is the cause; swapped against a known good one to be sure.",
    "{part}: worn beyond adjustment. Frame slightly bent at the corner, told the customer it stays visible.",
    "Tested with our own charger and cable, same fault. {part} needs replacing.",
)
NOTES = (
    "Customer rang, happy to wait until tomorrow.",
    "Left a voicemail about the quote.",
    "Passcode is on the sealed label, not in here.",
    "Screws in the blue tray, slot 4.",
    "Part ordered, supplier says two working days.",
    "Part arrived, checked for dead pixels.",
    "No back-up. Do not reset without asking.",
    "SIM and case handed back at the counter.",
    "Old repair by someone else: two screws missing, tape instead of a gasket.",
    "Customer collects after five, please have it ready at the front.",
    "Runs the memory test over night.",
    "Asked for the old part back.",
    "True Tone moved to the new display.",
    "Charging at 0.9 A only; cleaned the port first, no change.",
    "Second pair of eyes, please: is the swelling within limits?",
)


class Complaint(NamedTuple):
    text: str
    outcome: str


class Texts:
    """Complaints by device category, and which repair each of them asks for."""

    def __init__(self, kinds: list[RepairType]):
        self.months = [1.0] * 12
        self._complaints = self._read()
        self._kinds = {kind.slug: kind for kind in kinds}
        self._fits: dict[str, set[str]] = {}
        self._asked: dict[tuple[str, str], list[RepairType]] = {}

    def complaint(self, category: str, rng: random.Random) -> Complaint:
        return rng.choice(self._complaints[category])

    def repair_for(self, complaint: Complaint, model: DeviceModel, rng: random.Random) -> RepairType:
        key = complaint.text, model.tier
        if key not in self._asked:
            self._asked[key] = self._fitting(complaint.text.lower(), model)
        return rng.choice(self._asked[key])

    def _fitting(self, text: str, model: DeviceModel) -> list[RepairType]:
        if model.tier not in self._fits:
            self._fits[model.tier] = {slug for slug, kind in self._kinds.items() if kind.fits_device(model)}
        fits = self._fits[model.tier]
        for words, slugs in _REPAIRS:
            if words.search(text) and (found := [self._kinds[slug] for slug in slugs if slug in fits]):
                return found
        return [self._kinds[slug] for slug in sorted(fits) if slug.endswith(_OTHERWISE)]

    def _read(self) -> dict[str, list[Complaint]]:
        complaints: dict[str, list[Complaint]] = defaultdict(list)
        months: Counter[int] = Counter()
        with gzip.open(_RECORDS, "rt", encoding="utf-8", newline="") as file:
            for record in csv.DictReader(file):
                months[int(record["date"][5:7])] += 1
                text = _FRAME.sub(r"\1", " ".join(record["problem"].split()))[:_LONGEST]
                if text and not _NAMES.search(text):
                    complaint = Complaint(text[0].upper() + text[1:], record["repair_status"])
                    complaints[record["category"]].append(complaint)
        self.months = [months[month] * 12 / months.total() for month in range(1, 13)]
        return complaints
