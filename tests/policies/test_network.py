"""The heads against the formula, and the senses against each other."""

from dataclasses import replace

import pytest
import torch
from learnt_policy import SMALL

from policies.heads import MipHeads
from policies.network import PROPRIOCEPTION, ChunkPolicy, InputSpec

pytestmark = pytest.mark.usefixtures("one_thread")


def test_the_loss_is_that_of_the_paper_with_the_first_error_unsquared():
    """Against pi evaluated by hand at (o, 0, 0) and (o, a + (1 - t*) e, t*)."""
    torch.manual_seed(0)
    heads = MipHeads(2, 8, 5, t_star=0.9)
    for parameter in heads.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    embedding, target, noise = torch.randn(4, 8), torch.randn(4, 5), torch.randn(2, 4, 5)
    start = torch.matmul(embedding, heads.from_embedding)
    guess, noisy = heads._finish(start, 0), target + 0.1 * noise
    corrected = heads._correct(start, noisy)
    first = (torch.hypot((guess - target) / 0.9, torch.tensor(0.1)) - 0.1).mean()
    expected = first + ((corrected - target) ** 2).mean() / 0.01
    loss = heads.loss(embedding, target, torch.ones(2, 4, 5), noise)
    torch.testing.assert_close(loss, expected)
    torch.testing.assert_close(heads(embedding), heads._correct(start, guess))


def test_masked_steps_change_nothing():
    torch.manual_seed(0)
    heads = MipHeads(2, 8, 5, t_star=0.9)
    torch.nn.init.zeros_(heads.from_guess)  # a correction may look at all steps of a chunk; here none looks at others
    embedding, target, noise = torch.randn(4, 8), torch.randn(4, 5), torch.randn(2, 4, 5)
    mask = torch.ones(2, 4, 5)
    mask[..., 3:] = 0.0
    changed = target.clone()
    changed[:, 3:] = 77.0
    torch.testing.assert_close(heads.loss(embedding, changed, mask, noise), heads.loss(embedding, target, mask, noise))


@pytest.mark.parametrize("trunk", ["mlp", "transformer"])
def test_every_declared_sense_is_used_and_a_dead_one_is_not(trunk):
    torch.manual_seed(0)
    widths = {
        "observation.state": 3,
        "observation.velocity": 3,
        "observation.effort": 3,
        "observation.touch": 8,
        "observation.imu": 6,
        "observation.sound_logmel": 384,
    }
    network = ChunkPolicy(
        InputSpec(widths, ("head", "wrist"), 3), replace(SMALL, trunk=trunk, width=64, proprioception=PROPRIOCEPTION)
    ).eval()
    given = {name: torch.randn(1, width) for name, width in widths.items()}
    given |= {f"observation.images.{camera}": torch.randn(1, 3, 16, 16) for camera in ("head", "wrist")}
    everything = torch.ones(1, len(network.senses), dtype=torch.bool)
    chunks, embedding = network(given, everything)
    assert chunks.shape == (3, 1, 16, 3)
    assert embedding.shape == (1, 64)
    assert len(network.senses) == 6
    for name in given:
        changed = given | {name: given[name] + 1.0 + torch.rand_like(given[name])}
        assert not torch.equal(network(changed, everything)[0], chunks), name
        index = next(i for i, (_, features) in enumerate(network.feeds) if name in features)
        without = everything.clone()
        without[0, index] = False
        torch.testing.assert_close(network(changed, without)[0], network(given, without)[0])
