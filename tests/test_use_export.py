import pytest
import torch

from spamft.batches import collate
from spamft.classifier import GPTClassifier
from spamft.use.export import export_hf


def padded(texts, width=None):
    return collate([(list(text.encode()), 0) for text in texts], 256, width)


def test_transformers_classifier_gives_the_same_logits(tiny_gpt, tmp_path):
    """Also with our head's bias, which theirs lacks, and in ragged batches."""
    transformers = pytest.importorskip("transformers")
    model = GPTClassifier(tiny_gpt, label_names=["no", "yes"])
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    export_hf(model, tmp_path)
    theirs = transformers.AutoModelForSequenceClassification.from_pretrained(tmp_path)
    assert type(theirs).__name__ == "GPT2ForSequenceClassification"
    batch = padded(["hello there", "hi", "x"])
    mask = torch.arange(batch.ids.shape[1]) < batch.lengths[:, None]
    logits = theirs.eval()(batch.ids, attention_mask=mask.long()).logits
    torch.testing.assert_close(model(*batch[:2]), logits, atol=1e-5, rtol=1e-5)
    assert theirs.config.id2label == {0: "no", 1: "yes"}


def test_export_needs_the_pooling_that_transformers_has(tiny_gpt, tmp_path):
    with pytest.raises(ValueError, match="reads the last real token, not 'mean'"):
        export_hf(GPTClassifier(tiny_gpt, pooling="mean"), tmp_path)
