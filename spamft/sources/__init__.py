"""Names and files -> messages and models.

    messages.py    "auto", "uci", "sample", "intents", a file -> messages
    labels.py      labels as people have them -> labels to train on
    spelling.py    what is the same label, what is none, what is several
    splits.py      messages ready to train on: balanced, numbered, in three parts
    models.py      "auto", "gpt2", "tiny", a folder -> a pretrained GPT
    auto.py        what "auto" means, where the environment says it
    bases.py       a pretrained model <-> what opens the same one again
    collection.py  what stands behind a collection's name
    uci.py         the SMS Spam Collection
    sample.py      the messages that come with the package
    intents.py     what does the sender want? A task of four classes
    locked.py      genuine notices and their imitations, for testing alone
    notices.py     others, to learn from
    duplicates.py  messages that repeat each other, and where they leak
    draws.py       training sets of growing size
    lessons.py     what every notebook asks of the messages that it is given
    mending.py     labels that a person gives or corrects, out to a CSV and back

The three calls that every notebook begins with can be imported from here.
"""

from spamft.sources.messages import open_messages
from spamft.sources.models import open_model
from spamft.sources.splits import open_splits

__all__ = ["open_messages", "open_model", "open_splits"]
