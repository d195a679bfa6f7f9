# %% [markdown]
# # 1 · Download the messages and look at them
#
# - **You will** download a collection of text messages, read it into a table, count
#   its two classes, and find two messages that the usual way of reading loses.
# - **You need** a little Python and pandas.
# - **It takes** 20 minutes to read, 20 for questions and exercises, and a few seconds
#   to run; no GPU, and if need be no network.
# - **A file of your own** works, too: `DATA = "mine.csv"`, with two classes and at
#   least 100 messages of each; TEXT and LABEL name its columns, if they are not Text
#   and Label. The class that comes second by name stands where spam does here.
# - **The outputs stored here** were made on the SMS collection. Where messages are
#   shown, they are the bundled sample's, as is said there.
#
# This is the part of the lecture from 15:00 to 20:00: *step 1, download and process
# the dataset*. In the book: section 6.2; its `download_and_unzip_spam_data` is our
# `download` ([all names](../docs/lecture.md)).

# %%
import io
import tempfile
import urllib.request
import zipfile
from pathlib import Path

import pandas as pd

from spamft import data, diagrams
from spamft.check import ask, check, guess
from spamft.data import read_messages
from spamft.plots import plot_class_counts, plot_lengths
from spamft.reading.layout import Layout
from spamft.sources import open_messages
from spamft.sources.lessons import lesson_names

# %% [markdown]
# What to open. `"auto"` downloads the lecture's data, the SMS Spam Collection, or uses
# the sample that comes with spamft if that fails. `"uci"` insists on the collection,
# `"sample"` on the sample; the path of the collection's zip works, too.

# %% tags=["parameters", "collection"]
DATA = "auto"
TEXT, LABEL = None, None  # the columns of a file of your own

# %% [markdown]
# ## A download is three steps
#
# The lecture's function fetches a zip, unpacks it, and gives the file inside the
# ending `.tsv`. To watch these steps without anybody's server, we pack a toy: a zip of
# three messages. The real ones come with `open_messages` below.

# %%
folder = Path(tempfile.mkdtemp())
three = "ham\tsee you at 8\nspam\tWIN a car, text CAR now\nham\trunning late, sorry\n"
with zipfile.ZipFile(folder / "remote.zip", "w") as packed:
    packed.writestr("SMSSpamCollection", three)

# %% [markdown]
# `urllib` opens a `file:` address just as it opens `https:`, so this is the lecture's
# code, shortened. Like the lecture's it has two addresses, and takes the second if the
# first fails. Here the first leads nowhere:

# %%
for name in ("moved.zip", "remote.zip"):
    try:
        with urllib.request.urlopen((folder / name).as_uri()) as response:
            (folder / "local.zip").write_bytes(response.read())
    except (urllib.error.URLError, TimeoutError):
        print(f"{name} failed, trying the next address")
    else:
        break

# %%
with zipfile.ZipFile(folder / "local.zip") as packed:
    packed.extractall(folder)
tsv = (folder / "SMSSpamCollection").rename(folder / "SMSSpamCollection.tsv")
print(tsv.read_text())

# %% [markdown]
# What if the server sends an error page? Then the zip does not open, and the lecture's
# code stops with an error about zips. Worse is a server that sends another edition of
# the file: nothing stops, and you train on other data than you think. So
# `spamft.data.download` also checks what came: the size, and the SHA-256, a
# fingerprint that in practice no other content has. All of this stands in its source
# (`member_lines` counts the lines of the file inside the zip):

# %%
for name in ("urls", "size", "sha256", "member", "member_lines"):
    print(name, "=", getattr(data.SMS_COLLECTION, name))

# %% [markdown]
# `open_messages` calls it when you ask for `"auto"` or `"uci"`, and says where the
# messages come from. It keeps the download in the project's folder `data`, so the
# second run needs no network. `lecture=True` reads the file exactly as the lecture
# does; below we shall see what that loses.

# %%
# **options hands over each entry as an argument of that name
options = {"layout": Layout(text=TEXT, label=LABEL), "cache_dir": "../data"}
messages, source = open_messages(DATA, lecture=True, **options)
names = lesson_names(messages)
print(source)

# %% [markdown]
# > **You should see** the collection's name and path, or *the bundled sample* and why.
# > If you are online and still see the sample, the server was slow: `"auto"` waits two
# > seconds. Set `DATA = "uci"`, which waits longer and says what went wrong. With the
# > sample your numbers are not the lecture's; a table below puts both side by side.
# > In a class all should set the same `DATA`, or neighbours have different numbers.
#
# ## A table of messages
#
# The file has no header. Each line is a [label](../docs/glossary.md#label), a tab and a
# text; `ham` is every message that is not spam. By hand this is the lecture's one call
# to pandas:

# %%
by_hand = pd.read_csv(tsv, sep="\t", header=None, names=["Label", "Text"])
by_hand

# %% [markdown]
# The library's reader takes the same file. The next cell compares the two tables and
# stops with an error if they differ. No output means that they are equal.
# (`check_dtype=False`: how pandas stores the strings does not matter here.)

# %%
pd.testing.assert_frame_equal(
    read_messages(tsv, lecture=True), by_hand, check_dtype=False
)

# %% [markdown]
# Now the table that you opened above, and its first rows:

# %%
print(f"{len(messages):,} rows, columns {', '.join(messages.columns)}")

# %% tags=["messages"]
messages.head(8)

# %% [markdown]
# ## How many of each class?
#
# Before any model: count. This is the lecture's next line:

# %%
counts = messages["Label"].value_counts()
print(counts)

# %% [markdown]
# The [classes](../docs/glossary.md#class) are far from equal:

# %%
plot_class_counts(messages)

# %% [markdown]
# Why does that matter? Take a "model" that calls every message ham. It is right about
# all ham, and has never caught one spam. On the lecture's 4,825 ham and 747 spam its
# [accuracy](../docs/glossary.md#accuracy), the share of right answers, is 86.6 %. So
# accuracy alone cannot be trusted while the classes are unequal; notebook 2 makes them
# equal. (On the sample it is 71.9 %: that has more spam.)

# %%
accuracy_of_always_ham = (messages["Label"] == names[0]).mean()
print(f"always {names[0]}: {accuracy_of_always_ham:.1%}")

# %% [markdown]
# ## What do they look like?
#
# Read some. It is the cheapest analysis there is, and most people skip it. Four of
# each class, drawn by chance but always the same ones, because `random_state` is
# given. (In the sample "Sorry, is this not Helga?" is spam, because a swindle begins
# like that: a stranger with the "wrong number" who wants an answer.)

# %% tags=["messages"]
for label, group in messages.groupby("Label"):
    for text in group["Text"].sample(4, random_state=123):
        print(f"{label:4s} | {text[:96]}")

# %% [markdown]
# Spam tends to be longer. How much? One bar is ten characters wide, and the bars of
# each class add up to 100 %, because the classes differ in number. The longest 1 % of
# the messages are left out:

# %%
plot_lengths(messages)

# %%
by_label = messages["Text"].str.len().groupby(messages["Label"])
by_label.agg(["count", "mean", "max"]).round()

# %% [markdown]
# The means are 139 and 71 characters on the SMS collection, 102 and 88 on the sample.
# So a rule that knows nothing but the length does well on the collection: notebook 2b
# measures it. A model may learn that rule and no more, so it is a bar that a GPT has to
# clear.
#
# ## Two messages go missing
#
# The lecture's code reads 5,572 messages. The file has 5,574 lines. pandas did what it
# was asked to do. The collection is not needed to see it: take a file of four lines.
# The text of the second starts with a quotation mark, and the next mark comes only in
# the fourth:

# %%
four = 'ham\tsee you\nham\t"I said no\nham\twhere are you\nspam\tWIN "a car"\n'
swallowed = pd.read_csv(
    io.StringIO(four), sep="\t", header=None, names=["Label", "Text"]
)
swallowed

# %% [markdown]
# For `read_csv` a quotation mark at the beginning of a field opens a quoted field, in
# which tabs and line ends are ordinary characters. So the text of line 2 runs on to
# the next mark, in line 4, and then takes the rest of that line as well. The spam of
# line 4 has become part of a ham:

# %%
diagrams.lost_rows()

# %% [markdown]
# People who type messages do not close quotation marks. Tell pandas that these marks
# mean nothing (`csv.QUOTE_NONE`, which is 3), and all four rows are there:

# %%
whole = pd.read_csv(
    io.StringIO(four), sep="\t", header=None, names=["Label", "Text"], quoting=3
)
whole

# %% [markdown]
# spamft reads like that unless you ask for the lecture's way. Now both ways on your
# data, beside the numbers of the SMS collection (`results/README.md` says where they
# come from). A text with line ends in it has probably swallowed rows:

# %%
every, _ = open_messages(DATA, **options)
yours = [len(messages), len(every), messages["Text"].str.contains("\n").sum()]
yours += [(~messages["Text"].isin(every["Text"])).sum()]
yours += [counts[names[0]], counts[names[1]]]
both = pd.read_csv("results/rows.csv", index_col="counted")
both["your data"] = yours
both

# %% [markdown]
# > **You should see** equal columns with the collection. The sample was written without
# > stray marks, so it loses no rows. In the collection one mark, in line 5,082,
# > swallows the two ham of the next lines. That text and 52 others are not as in the
# > file: these 52 stand in marks that do close, pandas takes the marks off, and nothing
# > else is lost.
#
# Two rows of 5,574 look harmless. But with two more ham, notebook 2 draws other ham, so
# the split is no longer the lecture's. And they went without a word: **a reader that
# never reports an error can hide one**. The library's reader checks
# every line and names the first that is not `label<TAB>text`. This is what it says
# about a file whose second line has no tab:

# %%
(folder / "odd.tsv").write_text("ham\thello\nham without a tab\n")
try:
    read_messages(folder / "odd.tsv")
except ValueError as error:
    print(str(error).replace(str(folder), "..."))

# %% [markdown]
# ## What just happened
#
# - A download was three steps, and worth checking: size, fingerprint, whole or not at
#   all.
# - The classes are unequal, so always naming the larger one already scores well: 86.6 %
#   in the lecture.
# - Reading with the defaults of `read_csv` loses 2 of 5,574 messages in silence; the
#   lecture's numbers come from that reading, and spamft gives either.
#
# ## What if?
#
# Three questions. Below each put a letter for the first `...`, and for the second the
# chance that you are right, from 0.33 (a blind guess) to 1. Then each choice is
# explained.

# %%
ask("1.q1")

# %% tags=["guess-q1"]
guess("1.q1", ..., sure=...)

# %% [markdown]
# The second one:

# %%
ask("1.q2")

# %% tags=["guess-q2"]
guess("1.q2", ..., sure=...)

# %% [markdown]
# And the third:

# %%
ask("1.q3")

# %% tags=["guess-q3"]
guess("1.q3", ..., sure=...)

# %% [markdown]
# ## Exercises
#
# Guess, then compute. A number that you guess counts as right within a tenth; one that
# you compute must not be rounded. `check` says whether you are right, and why.
# Solutions: `src/solutions/01_download_and_look.py`.
#
# **1.** *Guess:* what accuracy does "always spam" reach on your data, from 0 to 1?

# %% tags=["guess-1"]
guess("1.1", ..., sure=...)

# %% [markdown]
# Compute it from `counts`:

# %% tags=["exercise-1"]
always_spam = ...

# %% tags=["check-1"]
check("1.1", always_spam, counts=counts, names=names)

# %% [markdown]
# **2.** The rarer class keeps all of its messages. You make the other equally large,
# without repeating a row. *Guess:* what is the most rows you can keep of your data, in
# all?

# %% tags=["guess-2"]
guess("1.2", ..., sure=...)

# %% [markdown]
# Compute it from `counts`. (The lecture's answer is 1,494.)

# %% tags=["exercise-2"]
rows_when_equal = ...

# %% tags=["check-2"]
check("1.2", rows_when_equal, messages=messages)

# %% [markdown]
# **3.** *Guess:* how many rows does the lecture's reading find in these lines?
# `'ham\t"a\nham\tb\nspam\tc"\nham\td\n'`

# %% tags=["guess-3"]
guess("1.3", ..., sure=...)

# %% [markdown]
# Open `puzzle` as `four` was opened above, and put the number of rows here:

# %% tags=["exercise-3"]
puzzle = 'ham\t"a\nham\tb\nspam\tc"\nham\td\n'
rows_in_puzzle = ...

# %% tags=["check-3"]
check("1.3", rows_in_puzzle)

# %% [markdown]
# **Next:** [2 · Balance, encode, split and save](02_balance_encode_split_save.ipynb),
# where the two classes become equally frequent.
