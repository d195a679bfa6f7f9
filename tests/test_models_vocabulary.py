import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_models_chat import SPELLINGS

from spamft.models.vocabulary import Vocabulary, bytes_of
from spamft.plumbing.errors import SpamftError
from spamft.sources import open_splits

tokenizers = pytest.importorskip("tokenizers")
ODD = [
    *("", " ", "  a", "it's 12 o'clock", "a\n\n b\t", "Ünïcödé 日本 🎉", "x\x04y"),
    *("½ ² ① Ⅷ ٣٤", "don't  stop", "\u00a0a\u2003b", "<|endoftext|> is text"),
]


def train(path, digits: bool, letters: int = 250):
    """A small vocabulary, as Hugging Face's library trains and saves it."""
    parts = [tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)]
    if digits:
        parts.insert(0, tokenizers.pre_tokenizers.Digits(individual_digits=True))
    made = tokenizers.Tokenizer(tokenizers.models.BPE())
    made.pre_tokenizer = (
        tokenizers.pre_tokenizers.Sequence(parts) if digits else parts[0]
    )
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=900,
        special_tokens=["<|endoftext|>", "<|im_start|>", "<|im_end|>"],
        initial_alphabet=sorted(tokenizers.pre_tokenizers.ByteLevel.alphabet())[
            :letters
        ],
        show_progress=False,
    )
    made.train_from_iterator(open_splits("sample").df["Text"], trainer)
    made.save(str(path / "tokenizer.json"))
    return made


@pytest.fixture(scope="module", params=[False, True], ids=["gpt2", "smollm"])
def both(request, tmp_path_factory):
    """Their tokenizer, and ours from its file."""
    path = tmp_path_factory.mktemp("it")
    theirs = train(path, request.param)
    return theirs, Vocabulary.from_tokenizer_json(path / "tokenizer.json")


def ids_of(theirs, text: str) -> list[int]:
    # the special token's words in a message are text
    return theirs.encode(text.replace("<|endoftext|>", "<| endoftext|>")).ids


def test_it_gives_the_ids_of_hugging_faces_tokenizer(both):
    theirs, vocabulary = both
    ours = vocabulary.encoding("it")
    texts = [*open_splits("sample").df["Text"], *ODD[:-1]]
    for text in texts:
        known = [i for i in ours.encode_ordinary(text) if i != ours.eot_token]
        assert known == ids_of(theirs, text), text


@given(st.text())
def test_every_text_gives_ids_of_the_vocabulary(text):
    vocabulary = Vocabulary({bytes([b]): b for b in range(200)}, END, "smollm")
    encoding = vocabulary.encoding("it")
    [ids] = encoding.encode_ordinary_batch([text])
    assert ids == encoding.encode_ordinary(text)
    assert all(0 <= i < vocabulary.size == encoding.n_vocab for i in ids)


END = {"<|endoftext|>": 200}
ONLY_END = {"ranks": {}, "special": {"<|endoftext|>": 0}, "pattern": "gpt2"}


def test_special_tokens_inside_a_text_are_text(both):
    encoding = both[1].encoding("it")
    assert encoding.eot_token not in encoding.encode_ordinary("a <|endoftext|> b")


@pytest.mark.parametrize("chat", [None, "{{ messages }}", SPELLINGS["short"]])
def test_from_dict_undoes_to_dict(both, chat):
    vocabulary = replace(both[1], chat=chat)
    entries = json.loads(json.dumps(vocabulary.to_dict()))
    assert Vocabulary.from_dict(entries) == vocabulary
    del entries["chat"]  # as it was saved before there was one
    assert Vocabulary.from_dict(entries) == replace(vocabulary, chat=None)


@pytest.mark.parametrize(
    "entries, complaint",
    [
        ({}, "no vocabulary"),
        ({"ranks": {"?": 0}, "special": END, "pattern": "gpt2"}, "no vocabulary"),
        ({"ranks": {"YQ==": 0}, "special": END, "pattern": "gpt2"}, "without a gap"),
        ({"ranks": {"YQ==": "0"}, "special": END, "pattern": "gpt2"}, "vocabulary"),
        ({"ranks": {}, "special": {"<s>": 0}, "pattern": "gpt2"}, "no <.endoftext.>"),
        ({"ranks": {}, "special": {"<|endoftext|>": 0}, "pattern": "x"}, "pattern 'x'"),
        (ONLY_END | {"chat": 5}, "is text, not 5"),
        (ONLY_END | {"chat": SPELLINGS["short"]}, "no <.im_start.>"),
        ({"ranks": [], "special": END, "pattern": "gpt2"}, "no vocabulary"),
    ],
)
def test_what_is_no_vocabulary_is_refused(entries, complaint):
    with pytest.raises(SpamftError, match=complaint):
        Vocabulary.from_dict(entries)


@pytest.mark.parametrize(
    "change",
    [
        lambda file: file["model"].update(type="WordPiece"),
        lambda file: file.update(normalizer={"type": "NFC"}),
        lambda file: file["pre_tokenizer"].update(type="Whitespace"),
        lambda file: file["model"].update(merges=file["model"]["merges"][::-1]),
        lambda file: file["model"]["vocab"].update({"日": 7}),
        lambda file: file["model"].update(vocab=None),
        lambda file: file.pop("added_tokens"),
    ],
)
def test_another_kind_of_tokenizer_is_refused_by_the_files_name(tmp_path, change):
    train(tmp_path, digits=False)
    path = tmp_path / "tokenizer.json"
    file = json.loads(path.read_text())
    change(file)
    path.write_text(json.dumps(file))
    with pytest.raises(SpamftError, match="tokenizer.json: "):
        Vocabulary.from_tokenizer_json(path)


def test_letters_stand_for_bytes():
    assert bytes_of("Ġhé") == b" h\xe9"
    with pytest.raises(SpamftError, match="no token of bytes"):
        bytes_of("日")
