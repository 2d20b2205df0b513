"""The twin's ends of the cables: servo buses, exoskeleton, touch and inertia on pseudo-terminals, sound over TCP."""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from selectors import EVENT_READ, BaseSelector

import numpy as np

from assets.robot import RobotSpec
from envs.connections import EXOSKELETON, IMU, MICROPHONE, TOUCH
from envs.senses.contact_sound import ContactSound
from envs.senses.sound import SoundSense
from envs.senses.touch import TouchSense
from envs.twin.world import TwinWorld
from hardware.imu_frames import ImuReading
from hardware.pseudo_terminal import PseudoTerminal
from hardware.sensor_writers import ImuWriter, touch_writer

SENSOR_STEPS = 3  # physics steps between two frames of touch and inertia
SOUND_STEPS = 5  # physics steps that one block of sound lasts
CLICK = 32_767  # the sound of a click; nothing else is as loud

Serve = Callable[[float], None]


class TwinCables:
    """Opens every cable of a robot but its cameras', and registers a server for each with `selector`.

    The selector's data is called with the monotonic time whenever its file can be read.
    """

    def __init__(self, spec: RobotSpec, world: TwinWorld, selector: BaseSelector, rng: np.random.Generator) -> None:
        self._spec = spec
        self._world = world
        self._selector = selector
        self._rng = rng
        self._terminals: dict[str, PseudoTerminal] = {}
        for name, bus in world.servos.buses.items():
            self._serve_bus(name, partial(world.feed, bus))
        self._serve_bus(EXOSKELETON, world.exoskeleton.bus.feed)
        self._touch = TouchSense(world.simulation) if spec.pads else None
        if self._touch is not None:
            self._terminals[TOUCH] = PseudoTerminal()
        self._write_touch = touch_writer(spec.devices.touch)
        self._write_imu = ImuWriter(spec.devices.imu, SENSOR_STEPS * world.simulation.timestep_s)
        if spec.has_imu:
            self._terminals[IMU] = PseudoTerminal()
        self._contacts = ContactSound(world.simulation)
        self._sound: SoundSense | None = None
        self._listeners: list[socket.socket] = []
        self._is_to_click = False
        self.clicks_s: list[float] = []  # on the monotonic clock, when each was made
        if spec.sound_hz is not None:
            block_hz = 1.0 / (SOUND_STEPS * world.simulation.timestep_s)
            self._sound = SoundSense(spec.sound_hz, block_hz)
            self._sound_server = socket.create_server(("127.0.0.1", 0))
            selector.register(self._sound_server, EVENT_READ, self._take_listener)
        self.quiet()

    @property
    def ports(self) -> dict[str, str]:
        """What a driver opens, by the connection's name."""
        ports = {name: terminal.path for name, terminal in self._terminals.items()}
        if self._sound is not None:
            ports[MICROPHONE] = f"127.0.0.1:{self._sound_server.getsockname()[1]}"
        return ports

    def quiet(self) -> None:
        """A new scene: its own background noise, nothing else heard yet."""
        if self._sound is not None:
            scenario = self._world.scenario
            self._sound.reset(scenario.number("noise_level"), str(scenario.values["noise_kind"]))
            self._contacts.reset()

    def click(self) -> None:
        """Let the next block of sound end with one loud sample, and note when that is."""
        self._is_to_click = self._sound is not None

    def sense(self, now_s: float) -> None:
        """Send what is due after a step of physics that was taken now."""
        steps = self._world.steps
        self._contacts.listen()
        if steps % SENSOR_STEPS == 0:
            sequence = steps // SENSOR_STEPS
            if self._touch is not None:
                touch_n = self._world.exemplar.touch_gain * self._touch.read(self._rng)
                self._terminals[TOUCH].send(self._write_touch(sequence, touch_n))
            if IMU in self._terminals:
                self._terminals[IMU].send(self._write_imu(sequence, self._inertia()))
        if self._sound is not None and steps % SOUND_STEPS == 0:
            before = self._sound.count
            self._sound.advance(
                self._world.joint_speed_rad_s(), self._contacts.take(), self._world.rules.voices, self._rng
            )
            block = self._sound.window[-(self._sound.count - before) :].astype("<i2")
            if self._is_to_click:
                self._is_to_click = False
                block[-1] = CLICK
                self.clicks_s.append(now_s)
            self._send_sound(block.tobytes())

    def close(self) -> None:
        """Pull every cable."""
        for terminal in self._terminals.values():
            terminal.close()
        for listener in self._listeners:
            listener.close()
        if self._sound is not None:
            self._sound_server.close()

    def _inertia(self) -> ImuReading:
        values = self._world.motion.inertia(self._rng)
        return ImuReading(values[:3], values[3:])

    def _serve_bus(self, name: str, feed: Callable[[bytes, float], bytes]) -> None:
        terminal = self._terminals[name] = PseudoTerminal()

        def serve(now_s: float) -> None:
            terminal.serve(feed)  # at the time when it is heard, which may be later than when it was noticed

        self._selector.register(terminal, EVENT_READ, serve)

    def _take_listener(self, now_s: float) -> None:
        listener, _ = self._sound_server.accept()
        listener.setblocking(False)
        self._listeners.append(listener)

    def _send_sound(self, pcm: bytes) -> None:
        for listener in tuple(self._listeners):
            try:
                with suppress(BlockingIOError):  # a listener that does not keep up misses a block
                    listener.send(pcm)
            except OSError:
                self._listeners.remove(listener)
                listener.close()
