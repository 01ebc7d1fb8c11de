# ruff: noqa: E501
"""The eight service categories and their repair types. Names are msgids, marked for translation."""

from typing import NamedTuple

from shop.models.price_engine import N_

PHONES = "smartphone"
TABLETS = "tablet"
LAPTOPS = "laptop"
DESKTOPS = "desktop"
CONSOLES = "console"
HOME_CONSOLES = "C1;C2"
HANDHELDS = "CH"
WATCHES = "wearable"
COMPUTERS = f"{LAPTOPS};{DESKTOPS}"
TOWERS = "D1;D2"
YEAR = 365


class Category(NamedTuple):
    slug: str
    name: str
    icon: str
    description: str


class Repair(NamedTuple):
    category: str
    slug: str
    name: str
    description: str
    minutes: int
    warranty: int
    part: bool
    fits: str


CATEGORIES = (
    Category("phone-screens", N_("Phone screens"), "smartphone", N_("Most in an hour, while you wait")),
    Category("batteries", N_("Batteries"), "battery-charging", N_("45 minutes, health report included")),
    Category("charging-ports", N_("Charging ports"), "cable", N_("Often only a clean, then £15")),
    Category("computers", N_("Laptops and computers"), "laptop", N_("Screens, keyboards, hinges, boards")),
    Category("tablets", N_("Tablets"), "tablet", N_("Glass, ports and batteries")),
    Category("consoles", N_("Consoles"), "gamepad-2", N_("HDMI, drives, fans, stick drift")),
    Category("water-damage", N_("Water damage"), "droplets", N_("Diagnosed within a day")),
    Category("data-recovery", N_("Data recovery"), "hard-drive", N_("You pay when you see your files")),
)

_SCREENS, _BATTERIES, _PORTS, _COMPUTERS, _TABLETS, _CONSOLES, _WATER, _DATA = (
    category.slug for category in CATEGORIES
)

# fmt: off
REPAIR_TYPES = (
    Repair(_SCREENS, "phone-display-original", N_("Screen, original display"), N_("Cracked screen or dead touch, about 1 hour"), 60, YEAR, True, PHONES),
    Repair(_SCREENS, "phone-display-compatible", N_("Screen, compatible display"), N_("A good display for less, about 1 hour"), 60, 180, True, "S1;S2;S3"),
    Repair(_SCREENS, "phone-glass", N_("Screen, glass only"), N_("Picture and touch still work, about 2 hours"), 120, 180, True, "S1;S2"),
    Repair(_SCREENS, "phone-back-glass", N_("Back glass"), N_("Back glass broken, about 2 hours"), 120, YEAR, True, PHONES),
    Repair(_SCREENS, "phone-camera", N_("Camera"), N_("Front or back, about 1 hour"), 60, YEAR, True, PHONES),
    Repair(_SCREENS, "phone-camera-lens", N_("Camera lens glass"), N_("Cracked lens cover, about 45 minutes"), 45, YEAR, True, PHONES),
    Repair(_SCREENS, "phone-speaker", N_("Loudspeaker or earpiece"), N_("Quiet, crackling or silent, about 45 minutes"), 45, YEAR, True, PHONES),
    Repair(_SCREENS, "phone-microphone", N_("Microphone"), N_("Others cannot hear you, about 45 minutes"), 45, YEAR, True, PHONES),
    Repair(_SCREENS, "phone-buttons", N_("Buttons"), N_("Power, volume or mute, about 1 hour"), 60, YEAR, True, PHONES),
    Repair(_SCREENS, "phone-unlock", N_("Face or fingerprint unlock"), N_("Sensor repaired where the maker allows, about 2 hours"), 120, YEAR, True, PHONES),
    Repair(_SCREENS, "phone-sim", N_("SIM reader"), N_("No SIM found, about 1 hour"), 60, YEAR, True, PHONES),
    Repair(_SCREENS, "phone-board", N_("Main board"), N_("Does not start, restarts or has no signal, 2 to 3 days"), 240, 180, True, PHONES),
    Repair(_SCREENS, "phone-check", N_("Phone check"), N_("Something else: tell us in your words, free of charge"), 20, 0, False, PHONES),
    Repair(_SCREENS, "watch-display", N_("Watch screen"), N_("Cracked glass or dead touch, about 2 hours"), 120, YEAR, True, WATCHES),
    Repair(_SCREENS, "watch-crown", N_("Watch crown or button"), N_("Stuck or not reacting, about 90 minutes"), 90, YEAR, True, WATCHES),
    Repair(_SCREENS, "watch-check", N_("Watch check"), N_("Something else: tell us in your words, free of charge"), 20, 0, False, WATCHES),
    Repair(_BATTERIES, "phone-battery", N_("Phone battery"), N_("Battery does not last, about 45 minutes"), 45, YEAR, True, PHONES),
    Repair(_BATTERIES, "tablet-battery", N_("Tablet battery"), N_("Battery does not last, about 2 hours"), 120, YEAR, True, TABLETS),
    Repair(_BATTERIES, "laptop-battery", N_("Laptop battery"), N_("Battery does not last or swells, about 1 hour"), 60, YEAR, True, LAPTOPS),
    Repair(_BATTERIES, "watch-battery", N_("Watch battery"), N_("Does not last the day, about 90 minutes"), 90, YEAR, True, WATCHES),
    Repair(_BATTERIES, "handheld-battery", N_("Handheld battery"), N_("Console dies away from the charger, about 1 hour"), 60, YEAR, True, HANDHELDS),
    Repair(_PORTS, "phone-port", N_("Phone charging port"), N_("Does not charge, port replaced, about 40 minutes"), 40, YEAR, True, PHONES),
    Repair(_PORTS, "phone-port-clean", N_("Charging port clean"), N_("Loose cable or dust, about 15 minutes"), 15, 30, False, f"{PHONES};{TABLETS}"),
    Repair(_PORTS, "phone-wireless", N_("Wireless charging"), N_("Charges by cable only, about 1 hour"), 60, YEAR, True, "S1;S2;SF"),
    Repair(_PORTS, "tablet-port", N_("Tablet charging port"), N_("Does not charge, about 2 hours"), 120, YEAR, True, TABLETS),
    Repair(_PORTS, "laptop-port", N_("Laptop charging port"), N_("Does not charge or only at an angle, about 2 hours"), 120, YEAR, True, LAPTOPS),
    Repair(_PORTS, "handheld-port", N_("Handheld charging port"), N_("Does not charge or dock, about 90 minutes"), 90, YEAR, True, HANDHELDS),
    Repair(_COMPUTERS, "laptop-display", N_("Laptop screen"), N_("Cracked, lines or no picture, about 2 hours"), 120, YEAR, True, LAPTOPS),
    Repair(_COMPUTERS, "laptop-keyboard", N_("Laptop keyboard"), N_("Dead or sticking keys, about 2 hours"), 120, YEAR, True, LAPTOPS),
    Repair(_COMPUTERS, "laptop-trackpad", N_("Laptop trackpad"), N_("Jumps or does not click, about 1 hour"), 60, YEAR, True, LAPTOPS),
    Repair(_COMPUTERS, "laptop-hinge", N_("Laptop hinge or lid"), N_("Loose, broken or stiff, about 2 hours"), 120, YEAR, True, LAPTOPS),
    Repair(_COMPUTERS, "laptop-board", N_("Laptop board"), N_("Does not start, 3 to 5 days"), 300, 180, True, LAPTOPS),
    Repair(_COMPUTERS, "computer-cooling", N_("Fan and cooling"), N_("Hot, loud or slow, about 90 minutes"), 90, 180, False, COMPUTERS),
    Repair(_COMPUTERS, "computer-storage", N_("Storage upgrade"), N_("500 GB solid-state drive and your data moved, about 3 hours"), 180, YEAR, True, COMPUTERS),
    Repair(_COMPUTERS, "computer-memory", N_("Memory upgrade"), N_("8 GB fitted and tested, about 45 minutes"), 45, YEAR, True, COMPUTERS),
    Repair(_COMPUTERS, "computer-reinstall", N_("System reinstall"), N_("Fresh system with drivers, about 3 hours"), 180, 30, False, COMPUTERS),
    Repair(_COMPUTERS, "computer-virus", N_("Virus and malware removal"), N_("Cleaned and protected, about 3 hours"), 180, 30, False, COMPUTERS),
    Repair(_COMPUTERS, "computer-transfer", N_("Data transfer to a new computer"), N_("Files and settings moved, about 2 hours"), 120, 30, False, COMPUTERS),
    Repair(_COMPUTERS, "desktop-display", N_("All-in-one screen"), N_("Cracked or dark, about 3 hours"), 180, YEAR, True, "DA"),
    Repair(_COMPUTERS, "desktop-power", N_("Desktop power supply"), N_("Does not start or cuts out, about 90 minutes"), 90, YEAR, True, DESKTOPS),
    Repair(_COMPUTERS, "desktop-graphics", N_("Graphics card fitting"), N_("Your card fitted and tested, about 1 hour"), 60, 90, False, TOWERS),
    Repair(_COMPUTERS, "desktop-board", N_("Desktop board"), N_("Does not start, 2 to 4 days"), 240, 180, True, DESKTOPS),
    Repair(_COMPUTERS, "desktop-build", N_("Custom PC assembly"), N_("Your parts built, cabled and tested, 1 day"), 300, YEAR, False, TOWERS),
    Repair(_COMPUTERS, "computer-check", N_("Computer check"), N_("Something else: tell us in your words, free of charge"), 45, 0, False, COMPUTERS),
    Repair(_TABLETS, "tablet-display", N_("Tablet screen"), N_("Dark, lines or dead touch, about 3 hours"), 180, YEAR, True, TABLETS),
    Repair(_TABLETS, "tablet-glass", N_("Tablet glass"), N_("Glass cracked, picture fine, about 3 hours"), 180, YEAR, True, "T2;T3"),
    Repair(_TABLETS, "tablet-camera", N_("Tablet camera"), N_("Front or back, about 2 hours"), 120, YEAR, True, TABLETS),
    Repair(_TABLETS, "tablet-buttons", N_("Tablet buttons"), N_("Power, volume or home, about 2 hours"), 120, YEAR, True, TABLETS),
    Repair(_TABLETS, "tablet-speaker", N_("Tablet loudspeaker"), N_("Quiet, crackling or silent, about 2 hours"), 120, YEAR, True, TABLETS),
    Repair(_TABLETS, "tablet-check", N_("Tablet check"), N_("Something else: tell us in your words, free of charge"), 20, 0, False, TABLETS),
    Repair(_CONSOLES, "console-hdmi", N_("HDMI port"), N_("No picture on the television, about 2 hours"), 120, YEAR, True, HOME_CONSOLES),
    Repair(_CONSOLES, "console-drive", N_("Disc drive"), N_("Does not read, take or give discs, about 2 hours"), 120, YEAR, True, HOME_CONSOLES),
    Repair(_CONSOLES, "console-power", N_("Console power supply"), N_("Does not start or switches off, about 2 hours"), 120, YEAR, True, HOME_CONSOLES),
    Repair(_CONSOLES, "console-cooling", N_("Overheating or loud fan"), N_("Cleaned, new thermal paste, about 90 minutes"), 90, 180, False, CONSOLES),
    Repair(_CONSOLES, "console-controller", N_("Controller or stick drift"), N_("Sticks, buttons or triggers, about 1 hour"), 60, 180, True, CONSOLES),
    Repair(_CONSOLES, "console-storage", N_("Console storage upgrade"), N_("Larger drive or card, games kept, about 2 hours"), 120, YEAR, True, CONSOLES),
    Repair(_CONSOLES, "console-software", N_("Console system restore"), N_("Update loop or error codes, about 2 hours"), 120, 30, False, CONSOLES),
    Repair(_CONSOLES, "handheld-display", N_("Handheld screen"), N_("Cracked glass or dark display, about 2 hours"), 120, YEAR, True, HANDHELDS),
    Repair(_CONSOLES, "handheld-card", N_("Game card reader"), N_("Games are not found, about 1 hour"), 60, YEAR, True, HANDHELDS),
    Repair(_CONSOLES, "console-board", N_("Console board"), N_("Does not start or shows an error light, 3 to 5 days"), 300, 180, True, CONSOLES),
    Repair(_CONSOLES, "console-check", N_("Console check"), N_("Something else: tell us in your words, free of charge"), 30, 0, False, CONSOLES),
    Repair(_WATER, "water-diagnosis", N_("Water damage, cleaned and diagnosed"), N_("Diagnosis first, then a quote to approve"), 120, 0, False, f"{PHONES};{TABLETS};{COMPUTERS};{CONSOLES};{WATCHES}"),
    Repair(_WATER, "water-board", N_("Board repair after water"), N_("Corroded parts replaced, 3 to 5 days"), 300, 90, True, f"{PHONES};{TABLETS};{LAPTOPS};{CONSOLES}"),
    Repair(_WATER, "water-keyboard", N_("Keyboard after a spill"), N_("New keyboard and a board clean, 1 to 2 days"), 180, 180, True, LAPTOPS),
    Repair(_DATA, "data-logical", N_("Deleted or unreadable files"), N_("The drive still works, 1 to 2 days"), 180, 0, False, f"{PHONES};{TABLETS};{COMPUTERS};{CONSOLES}"),
    Repair(_DATA, "data-dead-device", N_("Files from a dead device"), N_("Started just long enough to copy, 3 to 5 days"), 300, 0, False, f"{PHONES};{TABLETS};{COMPUTERS}"),
    Repair(_DATA, "data-failed-drive", N_("Files from a failed drive"), N_("Clicking or not found, 5 to 10 days"), 480, 0, False, COMPUTERS),
)
# fmt: on
