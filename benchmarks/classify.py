"""Messages a second at GPT-2's size: the lecture's function, transformers, spamft.

python benchmarks/classify.py --data sms+spam+collection.zip
"""

import torch
from setting import GPT2, Clock, finish, gpt2_parser, model, table

from spamft.sources import open_messages
from spamft.tokenizer import GPT2_FILES, cached_file, load_tokenizer
from spamft.use.predict import classify

BATCH_SIZES = (1, 4, 8, 16, 32, 64)
WIDTH = 120  # the lecture's longest training message


def main() -> None:
    made = gpt2_parser(__doc__.split("\n")[0])
    made.add_argument("--messages", type=int, default=400, help="to classify")
    made.add_argument("--precision", default="float32", help="of spamft's products")
    args = made.parse_args()
    df, _ = open_messages(args.data)
    texts = df["Text"].drop_duplicates().sample(args.messages, random_state=1).tolist()
    tokenizer = load_tokenizer("gpt2")
    classifier = model(args.layers, trains="head", precision=args.precision)
    ours = _rate(texts, lambda some: classify(classifier, tokenizer, some))
    lecture = _lecture(texts[:: max(1, len(texts) // 40)], tokenizer, args.layers)
    theirs = _transformers(texts, tokenizer, args.layers)
    numbers = {
        "messages": len(texts),
        "precision": args.precision,
        "lecture": lecture,
        "transformers": theirs,
        "spamft": ours,
    }
    finish(args, numbers, _show)


def _rate(texts: list[str], run) -> float:
    """Messages a second, the first call's set-up not counted."""
    run(texts[:8])
    with Clock() as clock:
        run(texts)
    return len(texts) / clock.seconds


def _lecture(texts: list[str], tokenizer, layers: int) -> float:
    """classify_review: one message at a time, padded to the training width."""
    classifier = model(layers, "last")
    classifier.eval()

    def run(some: list[str]) -> None:
        for text in some:
            ids = tokenizer.encode_ordinary(text)[:WIDTH]
            ids += [tokenizer.eot_token] * (WIDTH - len(ids))
            with torch.no_grad():
                classifier(torch.tensor([ids])).argmax().item()

    return _rate(texts, run)


def _transformers(texts: list[str], tokenizer, layers: int) -> dict[int, float]:
    """Their text-classification pipeline, at several batch sizes."""
    from tokenizers import ByteLevelBPETokenizer
    from transformers import (
        GPT2Config,
        GPT2ForSequenceClassification,
        PreTrainedTokenizerFast,
        pipeline,
    )

    # tiktoken's two files are theirs, byte for byte
    merges, vocabulary = (str(cached_file(file)) for file in GPT2_FILES)
    fast = PreTrainedTokenizerFast(
        tokenizer_object=ByteLevelBPETokenizer(vocabulary, merges)._tokenizer,
        pad_token="<|endoftext|>",
        padding_side="right",
    )
    assert fast(texts[0])["input_ids"] == tokenizer.encode_ordinary(texts[0])
    config = GPT2Config(n_layer=layers, pad_token_id=GPT2.vocab_size - 1, num_labels=2)
    pipe = pipeline(
        "text-classification",
        model=GPT2ForSequenceClassification(config).eval(),
        tokenizer=fast,
    )
    return {
        size: _rate(texts, lambda some, size=size: pipe(some, batch_size=size))
        for size in BATCH_SIZES
    }


def _show(n: dict) -> str:
    theirs = {int(size): rate for size, rate in n["transformers"].items()}
    best = max(theirs, key=theirs.get)
    rows = [
        ["the book's classify_review", n["lecture"]],
        [f"transformers' pipeline, best batch size ({best})", theirs[best]],
        ["spamft", n["spamft"]],
    ]
    return table(
        ["classify", "messages a second", "spamft is x times faster"],
        [[name, f"{rate:.1f}", f"{n['spamft'] / rate:.1f}"] for name, rate in rows],
    )


if __name__ == "__main__":
    main()
