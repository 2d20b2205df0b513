"""A robot in another process: real serial ports, real streams, physics in real time, a trainer in an exoskeleton."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from waiting import wait_until

from assets.reality_gap import load_gap
from assets.table import load_robot
from envs.connections import EXOSKELETON
from envs.errors import BodyError, ScenarioError
from envs.pilots.exoskeleton import REPLY_AMONG_PROCESSES_S, open_exoskeleton
from envs.registry import make_env
from envs.remote_crew import RemoteCrew
from envs.scenario import Scenario
from envs.senses.lens import Lens
from envs.senses.sight import SightSense
from envs.sim_body import SimBody
from envs.tasks.known import load_rules, load_task
from envs.twin.cameras import TwinCameras
from envs.twin.process import TwinProcess
from hardware.camera import CameraStream

ROOT = Path(__file__).resolve().parent.parent.parent
LONG_S = 120.0


@pytest.fixture(scope="module")
def patient_robot(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tudi, whose readings may be old: a busy machine is no failure."""
    folder = tmp_path_factory.mktemp("robots") / "patient"
    folder.mkdir()
    tudi = ROOT / "assets" / "tudi"
    lines = (tudi / "robot.toml").read_text(encoding="utf-8").splitlines()
    ages = ("joints_s", "touch_s", "sound_s", "imu_s", "max_age_s")
    patient = [f"{line.split('=')[0]}= 5.0" if line.startswith(ages) else line for line in lines]
    (folder / "robot.toml").write_text("\n".join(patient), encoding="utf-8")
    (folder / "robot.xml").write_text((tudi / "robot.xml").read_text(encoding="utf-8"), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def twin(patient_robot: Path) -> Iterator[TwinProcess]:
    with TwinProcess.start("pick_fruit", str(patient_robot)) as twin:
        yield twin


@pytest.mark.slow
def test_a_trainer_picks_the_fruit_with_a_robot_behind_serial_ports(twin: TwinProcess, patient_robot: Path) -> None:
    env = make_env("pick_fruit", "serial", robot=patient_robot, ports=twin.ports, deadline_s=LONG_S)
    pilot = open_exoskeleton(env.robot, twin.ports[EXOSKELETON], REPLY_AMONG_PROCESSES_S)
    twin.wear_exoskeleton()
    observation, info = env.reset(seed=3, options={"distribution": "nominal"})
    pilot.reset(info["scenario"], np.random.default_rng(0))
    touched_n, is_over = 0.0, False
    while not is_over:
        target = pilot.command(observation, info)
        observation, _, terminated, truncated, info = env.step(info["sent_rad"] if target is None else target)
        touched_n = max(touched_n, float(info["state"].touch_n.sum()))
        is_over = terminated or truncated
    assert info["stop"] is None
    assert info["judgement"].success, info["judgement"].unmet
    assert touched_n > 2.0
    twin.wear_exoskeleton(False)
    pilot.close()
    env.close()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*symmetric and normalized space")
def test_gymnasium_finds_nothing_to_complain_about_on_serial_ports(twin: TwinProcess, patient_robot: Path) -> None:
    options = {"robot": patient_robot, "ports": twin.ports, "deadline_s": LONG_S}
    env = gymnasium.make("envs:Retake/PickFruitReal-v0", **options)
    check_env(env.unwrapped, skip_render_check=True)
    env.close()


def test_the_crew_at_the_other_end_refuses_what_it_cannot_stage(twin: TwinProcess) -> None:
    crew = RemoteCrew(twin.control)
    with pytest.raises(ScenarioError, match="fold_towel"):
        crew.set_up(Scenario("fold_towel", {}), None, np.random.default_rng(0))
    with pytest.raises(BodyError, match="'dance'"):
        crew.ask({"do": "dance"})
    with pytest.raises(BodyError, match="not a request"):
        crew.ask({"say": "judge"})
    assert len(crew.assess().done) == 5


def test_a_crew_that_hangs_up_does_no_harm(twin: TwinProcess) -> None:
    for words in (b"", b'{"do": "jud', b'{"do": "judge"}\n'):
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.connect(twin.control)
            connection.sendall(words)
    assert len(RemoteCrew(twin.control).assess().done) == 5  # done or not: that is what other tests left behind


def test_nobody_at_the_socket_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(BodyError, match="Is the twin running"):
        RemoteCrew(str(tmp_path / "control")).assess()


def test_a_twin_that_cannot_come_up_says_why() -> None:
    with pytest.raises(BodyError, match="juggle"):
        TwinProcess.start("juggle")


def test_the_cameras_show_what_the_simulated_body_sees() -> None:
    robot, task = load_robot(), load_task("pick_fruit")
    body = SimBody(robot, task, load_rules("pick_fruit"), images=False)
    drawn = next(task.space.draw(None, np.random.default_rng(8)))
    scenario = task.space.scenario({**drawn.values, "camera_noise": 0.0})
    body.reset(scenario, np.random.default_rng(0))
    cameras = TwinCameras(robot, task, load_gap(robot).simulated)
    cameras.stage(scenario)
    cameras.show(body.simulation.physics_state(), body.rules.memory(), time.monotonic())
    sight, lens = SightSense(body.simulation), Lens(scenario.number("camera_exposure"))
    for index, camera in enumerate(robot.cameras):
        expected = lens.develop(sight.render(camera.name, camera.width, camera.height), index, 0).astype(float)
        stream = CameraStream(camera.name, cameras.url(camera.name)).start(LONG_S)
        wait_until(lambda: np.abs(stream.newest(LONG_S).value - expected).mean() < 2.0, LONG_S)  # noqa: B023
        stream.close()
    sight.close()
    cameras.close()


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_twin_ends_with_the_process_that_started_it(number: signal.Signals) -> None:
    program = (
        "import json, os, sys, time\n"
        "from envs.twin.process import TwinProcess\n"
        "twin = TwinProcess.start('pick_fruit')\n"
        "sys.stdout.write(json.dumps([twin._process.pid, twin.control]) + '\\n')\n"
        "sys.stdout.flush()\n"
        "time.sleep(600)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    owner = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, env=environment)
    assert owner.stdout is not None
    _, control = json.loads(owner.stdout.readline())
    assert Path(control).exists()
    owner.send_signal(number)
    owner.wait()
    owner.stdout.close()
    wait_until(lambda: not Path(control).parent.exists(), LONG_S)
