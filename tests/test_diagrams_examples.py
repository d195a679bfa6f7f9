import math
import os
from pathlib import Path

import pytest
import torch
from transformers import GPT2Model

from spamft.diagrams.examples import (
    LECTURE_SPLIT,
    TWO_MESSAGES,
    attention_shares,
    confusion_of_words,
    instruction_row,
    next_tokens,
    pieces,
    pronoun_shares,
    sixty_four_weights,
    small_gpt,
)
from spamft.evaluate import IGNORED
from spamft.plumbing.errors import SpamftError
from spamft.pretrained import save_gpt2
from spamft.sources import open_messages, open_splits
from spamft.sources.sample import SAMPLE

SHARED = Path(__file__).parents[2] / "shared/data/uci_sms/sms+spam+collection.zip"
UCI_ZIP = Path(os.environ.get("SPAMFT_UCI_ZIP", SHARED))


def test_the_two_messages_are_of_the_sample():
    sample, _ = open_messages(SAMPLE)
    assert set(TWO_MESSAGES) <= set(sample["Text"])


def test_tokens_can_be_seen():
    tokenizer = small_gpt().tokenizer
    ids = tokenizer.encode_ordinary("see you\n at six  ")
    assert all(piece.strip() for piece in pieces(ids, tokenizer))


@pytest.mark.parametrize("place", [0, 3, 8])
def test_shares_are_those_of_transformers(three_blocks, tokenizer, tmp_path, place):
    save_gpt2(three_blocks, tmp_path)
    theirs = GPT2Model.from_pretrained(tmp_path, attn_implementation="eager").eval()
    text = "see you at"
    ids = torch.tensor([tokenizer.encode_ordinary(text)])
    attentions = theirs(ids, output_attentions=True).attentions
    for block in range(3):
        for head in range(2):
            _, shares, where = attention_shares(
                three_blocks, tokenizer, text, place, block=block, head=head
            )
            expected = attentions[block][0, head, place, : place + 1]
            torch.testing.assert_close(
                torch.tensor(shares), expected, atol=1e-5, rtol=1e-4
            )
            assert where == f"block {block}, head {head}"


def test_shares_can_be_asked_of_any_architecture(any_gpt, tokenizer):
    shown = attention_shares(any_gpt, tokenizer, "see you", 4, block=1, head=1)
    assert len(shown.shares) == 5 and sum(shown.shares) == pytest.approx(1)


def test_a_token_that_is_not_there_is_refused(tiny_gpt, tokenizer):
    with pytest.raises(SpamftError, match="place=7 is no token of 'see you'"):
        attention_shares(tiny_gpt, tokenizer, "see you", 7, block=0, head=0)


def test_in_the_small_gpt_his_means_the_man_most():
    """The picture's point; if another GPT comes with the package, find its head."""
    tokens, shares, _ = pronoun_shares()
    assert tokens[len(shares) - 1] == "his"
    assert tokens[shares.index(max(shares))] == "man"


def test_the_weights_are_the_models_own():
    first = small_gpt().gpt.blocks[0].attention.qkv.weight
    assert sixty_four_weights().tolist() == first[0, :64].tolist()


def test_the_instruction_counts_the_answer_and_its_end():
    ids, labels = instruction_row()
    tokenizer = small_gpt().tokenizer
    counted = [label for label in labels if label != IGNORED]
    assert tokenizer.decode(counted) == " ham<|endoftext|>"
    assert tokenizer.decode(ids).endswith("Answer: ham")


def test_the_confusion_counts_every_test_message_once():
    test = open_splits(SAMPLE, lecture=True).splits.test
    by_class = test["Label"].value_counts().sort_index().tolist()
    assert [sum(row) for row in confusion_of_words()] == by_class


@pytest.mark.skipif(not UCI_ZIP.exists(), reason="needs SPAMFT_UCI_ZIP")
def test_the_counts_of_the_split_are_the_lectures():
    data = open_splits(UCI_ZIP, lecture=True)
    leaked = data.leaks["test"]["exact"]
    assert (*map(len, data.splits), leaked) == LECTURE_SPLIT


def test_no_other_head_shows_it_more_clearly():
    gpt, tokenizer, *_ = small_gpt()
    shown = pronoun_shares()
    place, man = len(shown.shares) - 1, shown.tokens.index("man")
    text = "The old man gave the boy his coat"
    heads = [
        attention_shares(gpt, tokenizer, text, place, block=block, head=head)
        for block in range(gpt.config.n_layers)
        for head in range(gpt.config.n_heads)
    ]
    assert len(heads) == 25
    assert max(head.shares[man] for head in heads) == shown.shares[man]


def test_chances_are_those_of_the_tokens_that_follow(any_gpt, tokenizer):
    text = "see you"
    tokens, chances = next_tokens(any_gpt, tokenizer, text)
    ids = torch.tensor([tokenizer.encode_ordinary(text)])
    x = any_gpt.embed(ids)
    for block in any_gpt.blocks:
        x = block(x)
    logits = any_gpt.logits(any_gpt.final_norm(x))
    loss = torch.nn.functional.cross_entropy(logits[0, :-1], ids[0, 1:])
    assert sum(-math.log(p) for p in chances) / len(chances) == pytest.approx(
        loss.item(), abs=1e-4
    )
    assert len(tokens) == len(chances) + 1
    with pytest.raises(SpamftError, match="give at least two"):
        next_tokens(any_gpt, tokenizer, "")
