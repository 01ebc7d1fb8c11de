"""What the dialog that gives a repair to somebody proposes."""

from flask_login import current_user

from shop.models.assignment import SHOWN
from shop.models.repair import Repair
from shop.services import assignment, skills, staff
from shop.services.memory import log_state, recall
from shop.services.workload import open_jobs


def advice_on(repair: Repair) -> dict:
    """Proposals with their reasons, and everybody else; `chosen` is the id that is ticked at first."""
    state = log_state()
    advice = assignment.suggest(repair, state)
    shown = {one.candidate.id for one in advice.proposals[:SHOWN]}
    best = advice.best.candidate.id if advice.best else current_user.id
    return {
        "advice": advice,
        "chosen": repair.assignee_id or best,
        "others": [(key, name) for key, name in staff.list_assignees() if key not in shown],
        "load": open_jobs(state),
        "names": recall(state, "skill subjects", skills.list_subjects).words,
    }
