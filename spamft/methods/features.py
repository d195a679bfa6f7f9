"""Nothing of the GPT trains: a logistic regression on the vectors that it gives.

The features are the mean over a message's tokens of what the lower blocks give; how
many of them, the method says. The regression's coefficients become the class head's
numbers, so what comes out is an ordinary classifier. Where the head has no bias, as on
a Llama, the regression has no intercept and its features are scaled, but not centred.
"""

from collections.abc import Iterable, Iterator

import torch
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Tensor, nn
from torch.utils.data import DataLoader

from spamft.evaluate import measure
from spamft.plumbing.errors import SpamftError
from spamft.train import Record, TrainConfig, TrainState
from spamft.trunk import TrainablePart

__all__ = ["regress"]

STRENGTH = 0.01  # C of the regression: hundreds of features, few messages


def regress(
    model: TrainablePart,
    loader: DataLoader,
    validation: Iterable,
    config: TrainConfig,
    state: TrainState | None = None,
) -> Iterator[Record]:
    """Change `model`: fit its head to cached features; a `train` of one step.

    Of `config` only the class weights count. Raises SpamftError unless the head is all
    that trains, so that the batches are features.
    """
    batches = list(loader)
    if not batches or batches[0].hidden.dim() != 2:
        raise SpamftError("a regression needs cached features: train the head alone")
    features = torch.cat([batch.hidden for batch in batches]).cpu()
    labels = torch.cat([batch.labels for batch in batches])
    head = model.model.head
    estimator = _regression(config, bias=head.bias is not None)
    estimator.fit(features.numpy(), labels.numpy())
    _into_head(head, *estimator)
    train_loss, train_accuracy = measure(model, batches)
    loss, accuracy = measure(model, validation)
    yield Record(
        epoch=1.0,
        step=1,
        examples=len(labels),
        lr=0.0,
        train_loss=train_loss,
        train_accuracy=train_accuracy,
        validation_loss=loss,
        validation_accuracy=accuracy,
    )


def _regression(config: TrainConfig, *, bias: bool) -> Pipeline:
    return make_pipeline(
        StandardScaler(with_mean=bias),
        LogisticRegression(
            C=STRENGTH,
            max_iter=2000,
            fit_intercept=bias,
            class_weight="balanced" if config.class_weights else None,
        ),
    )


@torch.no_grad()
def _into_head(
    head: nn.Linear, scaler: StandardScaler, regression: LogisticRegression
) -> None:
    """Give the head the regression's numbers, the scaling of features folded in."""
    weight = Tensor(regression.coef_ / scaler.scale_)  # (K or 1, C)
    bias = Tensor(regression.intercept_) - weight @ Tensor(scaler.mean_)
    if len(weight) == 1:  # two classes have one row: the difference of their logits
        weight, bias = (torch.cat([-x / 2, x / 2]) for x in (weight, bias))
    if len(weight) != len(head.weight):
        raise SpamftError(
            f"{len(head.weight)} classes, but only {len(weight)} have training messages"
        )
    head.weight.copy_(weight)
    if head.bias is not None:
        head.bias.copy_(bias)
