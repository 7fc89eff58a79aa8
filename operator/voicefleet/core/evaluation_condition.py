"""Condition `EvaluationKeepingUp`: can everything that waits be evaluated in time?

Called by `core/conditions`.
"""

import math
from datetime import datetime, timedelta

from voicefleet.api.reasons import ConditionType, Reason
from voicefleet.api.voicefleet import EvaluationSpec
from voicefleet.core.backlog import LEAD_TIME, Backlog, Due, need_for_deadlines, read_backlog
from voicefleet.core.evaluation_size import look_ahead
from voicefleet.core.finding import Finding
from voicefleet.core.overview import Overview

DELAY_STEP_MINUTES = 10
"""A delay is guessed; a finer number would only cause writes."""


def find_evaluation(view: Overview) -> Finding | None:
    """Say whether evaluators keep up; None where the fleet has no evaluation."""
    spec = view.fleet.spec.evaluation
    if spec is None:
        return None
    queue = view.observed.signals.evaluation
    deadline = timedelta(seconds=spec.deadline_seconds)
    backlog = read_backlog(queue, view.now, deadline=deadline)
    if backlog.faults:
        faults = ", ".join(f"{name} is {fault}" for name, fault in backlog.faults.items())
        told = f"{faults}; the number of evaluators does not fall meanwhile"
        return _finding(None, Reason.EVALUATION_QUEUE_UNKNOWN, told)
    late = _explain_risk(backlog, spec, view.now)
    if late:
        told = f"{late}. {Reason.DEADLINES_AT_RISK.next_step}"
        return _finding(False, Reason.DEADLINES_AT_RISK, told)
    return _finding(True, Reason.DEADLINES_MET, _tell_backlog(backlog))


def _explain_risk(backlog: Backlog, spec: EvaluationSpec, now: datetime) -> str:
    """Return why something is late or will be; empty where nothing is."""
    past = [due for due in backlog.dues if due.work_seconds > 0 and due.at <= now]
    if past:
        return f"{_hours(past[-1])} of work was due by {_clock(past[0])} and is not done"
    outlook = look_ahead(spec, now)
    need = need_for_deadlines(backlog, outlook, now, current=0)
    if need.due is None or need.evaluators <= spec.max_replicas:
        return ""
    seconds = need.due.work_seconds / spec.max_replicas / (1 - outlook.loss)
    delay = now + LEAD_TIME + timedelta(seconds=seconds) - need.due.at
    steps = math.ceil(delay / timedelta(minutes=DELAY_STEP_MINUTES))
    return (
        f"{_hours(need.due)} of work due by {_clock(need.due)} need {need.evaluators} evaluators "
        f"and `maxReplicas` is {spec.max_replicas}: late by up to "
        f"{max(1, steps) * DELAY_STEP_MINUTES} min"
    )


def _tell_backlog(backlog: Backlog) -> str:
    if not backlog.work_seconds:
        return "nothing waits to be evaluated"
    first = next(due for due in backlog.dues if due.work_seconds > 0)
    return f"{_hours(backlog.dues[-1])} of work wait, the first due by {_clock(first)}"


def _finding(holds: bool | None, reason: Reason, told: str) -> Finding:  # noqa: FBT001 - its value
    return Finding(ConditionType.EVALUATION_KEEPING_UP, holds, reason, told)


def _hours(due: Due) -> str:
    return f"{due.work_seconds / 3600:.1f} h"


def _clock(due: Due) -> str:
    return due.at.strftime("%Y-%m-%d %H:%MZ")
