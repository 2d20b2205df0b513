"""Touch and inertial frames: bytes by hand, damage, and a reader on a pseudo-terminal."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from waiting import wait_until

from assets.devices import ImuDevice
from assets.robot import PadSpec, RobotSpec
from hardware.crc import crc16
from hardware.errors import PacketError, SensorError, StaleDeviceError
from hardware.imu import ImuReader, decode_imu, encode_imu
from hardware.imu_frames import ImuReading
from hardware.pseudo_terminal import PseudoTerminal
from hardware.sensor_frames import IMU_KIND, TOUCH_KIND, FrameParser, FrameStream, SensorFrame
from hardware.serial_source import SerialSource
from hardware.tactile import TactileReader, decode_touch, encode_touch

LONG_S = 20.0
FRAMES = st.builds(SensorFrame, st.sampled_from(b"TI"), st.integers(0, 255), st.binary(max_size=64))
PADS = RobotSpec("pads", 25.0, (), pads=(PadSpec("left", 2, 2, 20.0), PadSpec("right", 2, 2, 20.0)))


@pytest.fixture
def terminal() -> Iterator[PseudoTerminal]:
    terminal = PseudoTerminal()
    yield terminal
    terminal.close()


def test_the_checksum_is_the_catalogues() -> None:
    assert crc16(b"123456789") == 0xFEE8  # check value of CRC-16/UMTS in the CRC catalogue


def test_a_touch_frame_is_these_bytes() -> None:
    frame = encode_touch(5, np.array([[[0.0, 1.0], [2.55, 700.0]]]))
    body = bytes.fromhex("A55A 54 05 0800 0000 6400 FF00 FFFF")
    assert frame == body + crc16(body).to_bytes(2, "little")


def test_an_imu_frame_is_these_bytes() -> None:
    frame = encode_imu(255, ImuReading(np.array([0.001, -0.002, 0.0]), np.array([0.0, 0.0, 9.81])))
    body = bytes.fromhex("A55A 49 FF 0C00 0100 FEFF 0000 0000 0000 D503")
    assert frame == body + crc16(body).to_bytes(2, "little")
    reading = decode_imu(frame[6:-2])
    np.testing.assert_allclose(reading.rate_rad_s, [0.001, -0.002, 0.0])
    np.testing.assert_allclose(reading.acceleration_m_s2, [0.0, 0.0, 9.81])


@given(force_n=arrays.arrays(np.float64, (2, 4, 4), elements=st.floats(0.0, 600.0)))
def test_forces_come_back_within_half_a_unit(force_n: np.ndarray) -> None:
    (frame,) = FrameStream().feed(encode_touch(0, force_n))
    np.testing.assert_allclose(decode_touch(frame.payload, (2, 4, 4)), force_n, atol=0.005 + 1e-9)


@given(frames=st.lists(FRAMES, max_size=6), size=st.integers(1, 40))
def test_frames_may_arrive_in_any_pieces(frames: list[SensorFrame], size: int) -> None:
    data = b"".join(frame.encode() for frame in frames)
    stream = FrameStream()
    found = [frame for start in range(0, len(data), size) for frame in stream.feed(data[start : start + size])]
    assert found == frames


@given(garbage=st.binary(max_size=30).filter(lambda data: 0xA5 not in data), frame=FRAMES, flip=st.integers(0, 10_000))
def test_a_damaged_frame_between_garbage_costs_itself_alone(garbage: bytes, frame: SensorFrame, flip: int) -> None:
    damaged = bytearray(SensorFrame(TOUCH_KIND, 9, b"abcd").encode())
    damaged[6 + flip % (len(damaged) - 6)] ^= 0x10
    stream = FrameStream()
    assert stream.feed(garbage + bytes(damaged) + garbage + frame.encode()) == [frame]
    assert stream.damaged_frames == 1


def test_a_frame_of_other_pads_is_refused_with_both_sizes() -> None:
    with pytest.raises(PacketError, match=r"16 bytes.*32"):
        decode_touch(bytes(16), (1, 4, 4))


def test_pads_of_different_sizes_are_refused() -> None:
    spec = RobotSpec("odd", 25.0, (), pads=(PadSpec("left", 2, 2, 20.0), PadSpec("right", 4, 4, 20.0)))
    with pytest.raises(SensorError, match="one size"):
        TactileReader(spec, "/dev/null")


class Sender:
    """A device that sends what it is told to, again and again, as sensors do."""

    def __init__(self, terminal: PseudoTerminal, data: bytes) -> None:
        self.data = data
        self._terminal = terminal
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        while not self._done.wait(0.005):
            self._terminal.send(self.data)

    def stop(self) -> None:
        self._done.set()
        self._thread.join()


@pytest.fixture
def send(terminal: PseudoTerminal) -> Iterator[Callable[[bytes], Sender]]:
    senders: list[Sender] = []

    def start(data: bytes) -> Sender:
        senders.append(Sender(terminal, data))
        return senders[-1]

    yield start
    for sender in senders:
        sender.stop()


def test_a_reader_gives_the_newest_touch_with_its_stamp(
    terminal: PseudoTerminal, send: Callable[[bytes], Sender]
) -> None:
    before_s = time.monotonic()
    force_n = np.arange(8.0).reshape(2, 2, 2)
    send(b"half a fr\xa5" + encode_touch(2, force_n))
    reader = TactileReader(PADS, terminal.path)
    try:
        sample = reader.start(LONG_S).newest(LONG_S)
        np.testing.assert_allclose(sample.value, force_n)
        assert before_s <= sample.stamp_s <= time.monotonic()
        # The sender repeats its frame, so it depends on the moment which of the two is told.
        with pytest.raises(StaleDeviceError, match=r"quiet|repeats itself"):
            reader.newest(max_age_s=0.0)
    finally:
        reader.close()  # a reader that is left behind would take the next test's port


def imu_source(path: str) -> SerialSource[ImuReading]:
    return SerialSource(path, 921_600, partial(FrameParser, IMU_KIND, decode_imu))


def test_of_frames_that_arrive_together_the_newest_counts(terminal: PseudoTerminal) -> None:
    source = imu_source(terminal.path)
    source.open()
    frames = [encode_imu(index, ImuReading(np.full(3, float(index)), np.zeros(3))) for index in range(3)]
    terminal.send(b"".join(frames) + encode_touch(0, np.zeros((1, 1, 1))))
    sample = source.read()
    assert sample is not None
    assert sample.value.rate_rad_s.tolist() == [2.0, 2.0, 2.0]
    source.close()


def test_a_device_that_repeats_one_frame_for_ever_gives_nothing_new(terminal: PseudoTerminal) -> None:
    source = imu_source(terminal.path)
    source.open()
    frozen, fresh = (encode_imu(sequence, ImuReading(np.zeros(3), np.zeros(3))) for sequence in (7, 8))
    read = []
    for frame in (frozen, frozen, fresh):
        terminal.send(frame)
        read.append(source.read())
    assert [sample is None for sample in read] == [False, True, False]
    assert source.frozen == 1
    source.close()


def test_the_latency_of_the_table_is_taken_off_the_stamp(
    terminal: PseudoTerminal, send: Callable[[bytes], Sender]
) -> None:
    before_s = time.monotonic()
    send(encode_imu(0, ImuReading(np.zeros(3), np.zeros(3))))
    reader = ImuReader(terminal.path, ImuDevice(latency_s=0.9)).start(LONG_S)
    sample = reader.latest
    assert sample is not None
    assert before_s - 0.9 <= sample.stamp_s <= time.monotonic() - 0.9
    reader.close()


def test_what_a_cable_did_wrong_is_counted(terminal: PseudoTerminal) -> None:
    reader = ImuReader(terminal.path)
    reader.begin()
    good = [encode_imu(sequence, ImuReading(np.zeros(3), np.zeros(3))) for sequence in range(3)]
    wait_until(lambda: send_and_count(terminal, good[0], reader) > 0)
    damaged = bytearray(good[1])
    damaged[-1] ^= 1
    terminal.send(bytes(damaged))
    wait_until(lambda: reader.figures.damaged == 1)
    samples = reader.figures.samples
    terminal.send(good[2])
    wait_until(lambda: reader.figures.samples == samples + 1)
    figures = reader.figures
    assert figures.reconnects == 0
    assert figures.worst_gap_s > 0.0
    assert figures.newest_stamp_s is not None
    assert figures.newest_stamp_s <= time.monotonic()
    reader.close()


def send_and_count(terminal: PseudoTerminal, data: bytes, reader: ImuReader) -> int:
    terminal.send(data)
    return reader.figures.samples


def test_a_unit_of_another_protocol_is_told_from_a_silent_one(
    terminal: PseudoTerminal, send: Callable[[bytes], Sender]
) -> None:
    send(bytes.fromhex("A55A 49 00 0C00") + bytes(14))
    with pytest.raises(StaleDeviceError, match=r"damaged frames came, so look at its baud rate and protocol"):
        ImuReader(terminal.path).start(timeout_s=0.5)


def test_a_reader_of_a_silent_line_says_so(terminal: PseudoTerminal) -> None:
    with pytest.raises(StaleDeviceError, match="sent nothing yet"):
        ImuReader(terminal.path).start(timeout_s=0.05)


def test_a_reader_of_an_absent_line_says_why() -> None:
    with pytest.raises(StaleDeviceError, match="cannot open serial port"):
        ImuReader("/dev/no-such-line").start(timeout_s=0.2)
