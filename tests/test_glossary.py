"""docs/glossary.md: every word once, in order, briefly, with links that lead there."""

import inspect
import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[1] / "docs"
TEXT = (DOCS / "glossary.md").read_text(encoding="utf-8")
ENTRIES = dict(re.findall(r"^### (.+)\n\n((?:.+\n)+)", TEXT, re.MULTILINE))
# What a learner of this course must be able to look up
NEEDED = (
    "accuracy, adapter, alpha, attention, backpropagation, balance, "
    "balanced accuracy, baseline, batch, block, bucketing, calibration, causal mask, "
    "checkpoint, classification finetuning, clipping, confidence, "
    "confidence interval, confusion matrix, cross-entropy, cross-validation, "
    "data loader, device, dropout, dynamic padding, early stopping, embedding, "
    "epoch, evaluation mode, finetuning, frozen, gradient, head, hidden state, "
    "hyperparameter, instruction finetuning, integrated gradients, label, layer, "
    "layer normalisation, leak, learning curve, learning rate, linear probe, "
    "logistic regression, logit, logit lens, LoRA, loss, mask, nat, neural network, "
    "NF4, normalizer, optimizer, overfitting, padding, parameter, perplexity, "
    "pooling, precision, pretraining, prompt, QLoRA, recall, regularisation, "
    "residual connection, RMSNorm, rotary positions, seed, shortcut, significant, "
    "softmax, split, SwiGLU, temperature, tensor, TF-IDF, threshold, token, "
    "tokenizer, trunk, underfitting, vocabulary, warm-up, weight decay"
)
# Names of theirs in packages that this one does not use, and one of no signature
ELSEWHERE = {"accuracy", "evaluate", "SFTTrainer", "train_test_split"} | {
    "quantization_config"
}
each = pytest.mark.parametrize("word", ENTRIES)


def test_every_word_is_there_once_and_in_order():
    headings = re.findall(r"^### (.+)$", TEXT, re.MULTILINE)
    assert headings == sorted(set(headings), key=str.lower) == list(ENTRIES)
    assert set(NEEDED.split(", ")) <= set(headings)


@each
def test_every_word_is_explained_briefly(word):
    explained = ENTRIES[word].splitlines()[0].strip()
    assert explained.endswith(".") and len(explained.split()) <= 35
    assert len(re.findall(r"\. [A-Z]", explained)) <= 1  # two sentences at most


@each
def test_every_word_leads_to_its_notebook(word):
    link = r"\[notebook (\w+)\]\(\.\./notebooks/([^_]+)_\w+\.ipynb\)"
    [(number, file)] = re.findall(link, ENTRIES[word])
    assert number == file.removeprefix("0")


def test_every_word_that_a_notebook_links_is_there():
    places = {re.sub(r"[^\w-]", "", word.lower().replace(" ", "-")) for word in ENTRIES}
    for source in sorted((DOCS.parent / "notebooks" / "src").glob("*.py")):
        linked = re.findall(r"glossary\.md#([^)]+)", source.read_text(encoding="utf-8"))
        assert set(linked) <= places, source.name


def test_every_link_goes_somewhere():
    for link in re.findall(r"\]\(([^)#]+)\)", TEXT):
        assert (DOCS / link).exists(), link


def test_what_hugging_face_calls_it_is_there():
    """The names of classes, arguments and layers, in the packages themselves."""
    import peft
    import transformers

    config = transformers.GPT2Config(
        vocab_size=9, n_embd=8, n_head=2, n_layer=1, bos_token_id=0, eos_token_id=0
    )
    model = transformers.GPT2ForSequenceClassification(config)
    whole = transformers.GPT2LMHeadModel(config)
    trainer = transformers.Trainer
    known = {*config.attribute_map, config.activation_function, *dir(peft)}
    known |= {name.rpartition(".")[2] for name, _ in model.named_modules()}
    for place in (
        *(transformers, transformers.models.gpt2.modeling_gpt2, config, whole),
        *(transformers.PreTrainedTokenizerBase, model.transformer.h[0].attn),
    ):
        known |= set(dir(place))
    for called in (
        *(peft.LoraConfig, transformers.BitsAndBytesConfig, whole.forward),
        *(transformers.TrainingArguments, trainer, trainer.train, trainer.predict),
        transformers.modeling_outputs.BaseModelOutput,
        transformers.modeling_outputs.SequenceClassifierOutput,
    ):
        known |= set(inspect.signature(called).parameters)
    for theirs in re.findall(r"\*Hugging Face:\*(.*)", TEXT):
        names = set(re.findall(r"`(\w+)[`(=]", theirs))
        assert names <= known | ELSEWHERE
