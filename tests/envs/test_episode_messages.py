import json

import numpy as np
import pytest
from episode_samples import ROBOT
from google.protobuf import descriptor_pool
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from google.protobuf.message_factory import GetMessageClass
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from envs.body import Fault
from envs.episodes import messages
from envs.errors import ArchiveError

LAYOUTS = messages.record_layouts(ROBOT)
FLOATS = st.floats(width=64)
VECTORS = hnp.arrays(np.float64, 3, elements=FLOATS)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


@given(
    hnp.arrays(np.float64, 3, elements=FLOATS), hnp.arrays(np.float64, 3, elements=FLOATS), FLOATS, st.integers(0, 2)
)
def test_a_command_comes_back_bit_for_bit(sent, wished, doubt, commander):
    data = messages.pack_record(
        LAYOUTS.command, step=7, sent_rad=sent, pilot_rad=wished, doubt=doubt, in_command=commander, instruction=1
    )
    layout = messages.layout_of_schema(messages.record_schema(LAYOUTS.command))
    (record,) = messages.unpack_records(layout, [data])
    assert record["sent_rad"].tobytes() == sent.tobytes()
    assert record["pilot_rad"].tobytes() == wished.tobytes()
    assert record["doubt"].tobytes() == np.float64(doubt).tobytes()
    assert (record["step"], record["in_command"], record["instruction"]) == (7, commander, 1)


def test_a_record_can_be_read_by_its_schema_alone():
    """As a reader in another language would: walk the JSON fields and take each one's bytes in turn."""
    force_n = np.arange(32.0).reshape(2, 4, 4)
    data = messages.pack_record(LAYOUTS.touch, stamp_s=1.5, force_n=force_n)
    values, offset = {}, 0
    for field in json.loads(messages.record_schema(LAYOUTS.touch)):
        count = int(np.prod(field["shape"]))
        values[field["name"]] = np.frombuffer(data, field["dtype"], count, offset).reshape(field["shape"])
        offset += values[field["name"]].nbytes
    assert offset == len(data)
    assert values["stamp_s"] == 1.5
    np.testing.assert_array_equal(values["force_n"], force_n)


def test_a_vector_of_another_robot_is_refused():
    with pytest.raises(ArchiveError, match=r"sent_rad has shape \(4,\); this robot needs \(3,\)"):
        messages.pack_record(LAYOUTS.command, sent_rad=np.zeros(4))


@given(hnp.arrays(np.int16, st.integers(1, 2000)), st.floats(0, 1e6))
def test_a_block_of_sound_comes_back(samples, stamp_s):
    np.testing.assert_array_equal(messages.decode_sound(messages.encode_sound(samples, stamp_s, 16_000)), samples)


@given(st.binary(min_size=1), TEXT, st.floats(0, 1e6))
def test_a_frame_comes_back(packet, camera, stamp_s):
    assert messages.decode_frame(messages.encode_frame(packet, camera, stamp_s)) == packet


@given(st.builds(Fault, st.sampled_from(["note", "soft", "hard"]), TEXT, TEXT))
def test_a_fault_comes_back(fault):
    assert messages.decode_fault(messages.encode_fault(fault, 0.5)) == fault


def test_sound_opens_with_the_schema_in_the_file_and_nothing_else():
    """What a viewer does: build the message type from the descriptors that the file carries."""
    pool = descriptor_pool.DescriptorPool()
    for file in FileDescriptorSet.FromString(messages.descriptor_set(messages.RawAudio)).file:
        pool.Add(file)
    viewer_type = GetMessageClass(pool.FindMessageTypeByName("foxglove.RawAudio"))
    message = viewer_type.FromString(messages.encode_sound(np.arange(160, dtype=np.int16), 1.0, 16_000))
    assert (message.format, message.sample_rate, message.number_of_channels) == ("pcm-s16", 16_000, 1)
    # The newest of 160 samples is at 1 s, so the first one is 159 samples earlier.
    assert message.timestamp.ToNanoseconds() == pytest.approx(1e9 - 159 / 16_000 * 1e9, abs=1)


@pytest.mark.parametrize("stamp_s", [-0.1, float("nan"), float("inf")])
def test_a_stamp_that_is_no_time_is_refused(stamp_s):
    with pytest.raises(ArchiveError, match="finite and not negative"):
        messages.nanoseconds(stamp_s)
