"""What is noted of the machine that measures."""

import json
import os
from dataclasses import asdict

from benchmarks import machine
from benchmarks.machine import Busyness, Machine


def test_a_machine_is_described_and_read_back() -> None:
    here = machine.describe()

    assert here.cores == len(os.sched_getaffinity(0)), "those that it may use"
    assert here.memory_gb > 0.5
    assert here.processor in str(here)
    assert {"torch", "openvino", "flask", "gunicorn"} <= here.libraries.keys()
    assert Machine.from_json(json.loads(json.dumps(asdict(here)))) == here


def test_a_machine_is_busy_when_others_use_a_tenth_of_a_core() -> None:
    assert not Busyness(load=3.0, cores=0.1).disturbs
    assert Busyness(load=0.0, cores=0.11).disturbs
    assert 0 <= machine.how_busy(0.02).cores <= 2 * (os.cpu_count() or 1)
