import gzip

from spamft.gpt import GPTConfig
from spamft.pretraining.card import Pretraining, model_card
from spamft.pretraining.config import PretrainConfig, Progress


def test_the_card_has_texts_size_effort_and_gzip_beside_it(texts):
    held_out = "the cat sat on the mat\n" * 50
    last = Progress(1234, 5_000_000, 1.0, 0.987, 120.0)
    shape = GPTConfig(300, 16, 16, 2, 2)
    done = Pretraining(
        "small",
        [texts[0], *texts],
        held_out,
        PretrainConfig(),
        shape,
        last,
        "a toaster",
    )
    card = model_card(done)
    size = 8 * len(gzip.compress(held_out.encode(), 9)) / len(held_out.encode())
    for part in (
        "# small\n",
        "| one.txt | 0.0 | 2 |",
        "| two.txt | 0.0 | 1 |",
        "1,234 steps, 5.0 million tokens, 2\nminutes on a toaster",
        "| this model | 0.987 |",
        f"| gzip -9 | {size:.3f} |",
        "Seed 123",
    ):
        assert part in card
