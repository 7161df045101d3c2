"""How tasks were stopped, in words. Pure functions."""

from mtl_core.config import Stopping
from mtl_core.report.wording import listed, number
from mtl_core.training import TrainingResult

__all__ = ["SHADES", "behind_words", "limit_words", "refit_words", "stopping_words"]

SHADES = {"freeze": "rested", "hold": "held"}
"""What became of a task after it stopped, by the policy; under `joint` that is the end."""

_THEN = {
    "freeze": "from then on it rests, while the others go on: its own parameters stay as they are",
    "hold": "from then on it is held: it learns from what its own best weights say of the training rows, while the "
    "others go on, and from its labels again once it is more than {margin} above its best",
}


def stopping_words(stopping: Stopping, patience: int) -> str:
    """The rule by which a task stopped, and what that meant."""
    epochs = "1 epoch" if patience == 1 else f"{patience} epochs"
    early = f", though not in the first {stopping.warm_up}" if stopping.warm_up else ""
    if stopping.policy == "joint":
        return f"All tasks stop together, after {epochs} without a new best mean of their scores{early}."
    whose = "its" if len(stopping.tasks) == 1 else "their"
    own = f" ({listed(tuple(stopping.tasks))} by a rule of {whose} own)" if stopping.tasks else ""
    margin = f"{number(stopping.margin)} standard error{'' if stopping.margin == 1 else 's'}"
    then = _THEN[stopping.policy].format(margin=margin)
    return f"A task stops after {epochs} without a new best{early}{own}; {then}."


def limit_words(outcome: TrainingResult) -> str:
    """The tasks that the maximum number of epochs stopped; "" where there are none."""
    if not outcome.cut_short:
        return ""
    return (
        f"The limit of {outcome.budget.epochs} epochs ended training while {listed(outcome.cut_short)} still improved; "
        "training.epochs raises it."
    )


def behind_words(outcome: TrainingResult) -> str:
    """The tasks for which another epoch was clearly better than the model; "" where there are none."""
    if not outcome.behind:
        return ""
    tasks = listed(tuple(f"{task} by {deficit:.1f}" for task, deficit in outcome.behind.items()))
    return f"On validation the model is worse than each task's own best epoch, in standard errors: {tasks}."


def refit_words(outcome: TrainingResult) -> str:
    """Result of fine-tuning the heads; "" where it is not declared."""
    if not outcome.refits:
        return ""
    kept = tuple(refit.task for refit in outcome.refits if refit.kept)
    rest = ", the others keep the heads that they had" if len(kept) < len(outcome.refits) else ""
    return (
        "Then heads were fine-tuned by themselves, with the trunk frozen: "
        f"{listed(kept) or 'none'} got better on validation{rest}."
    )
