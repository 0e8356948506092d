"""The plans: what is covered, and by how much."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise, product

from tests.chaos import matrix
from tests.chaos.cluster import FAULTS
from tests.chaos.matrix import STAGES, whole
from tests.chaos.moments import Moment


def test_the_whole_matrix_has_every_cell_and_kills_five_times() -> None:
    """In all five moments at once."""
    counted = Counter((plan.stage, plan.fault) for plan in whole(FAULTS))
    assert set(counted) == set(product(STAGES, FAULTS))
    assert {fault: counts for (_, fault), counts in counted.items()} == {
        "kill": 5,
        "stop": 1,
        "partition": 1,
        "slow": 1,
    }
    assert all(set(plan.moments) == set(Moment) for plan in whole(FAULTS))


def test_in_the_short_form_every_two_meet() -> None:
    """Stage and fault, fault and moment, stage and moment: with and without a network."""
    for faults in (FAULTS, FAULTS[:2]):
        cells = [(plan.stage, plan.fault, moment) for plan in matrix.pairwise(faults) for moment in plan.moments]
        assert {(stage, fault) for stage, fault, _ in cells} == set(product(STAGES, faults))
        assert {(fault, moment) for _, fault, moment in cells} == set(product(faults, Moment))
    whole_form = [(plan.stage, moment) for plan in matrix.pairwise(FAULTS) for moment in plan.moments]
    assert set(whole_form) == set(product(STAGES, Moment))


def test_faults_of_one_stage_do_not_follow_each_other() -> None:
    """What was struck has time to come back."""
    for plans in (whole(FAULTS), matrix.pairwise(FAULTS)):
        assert all(before.stage != after.stage for before, after in pairwise(plans))
