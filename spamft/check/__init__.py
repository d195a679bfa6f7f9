"""Questions and exercises of the notebooks, and what a learner knows of them.

answers.py      ask, guess, check, forget: the four calls, and what they say
exercise.py     a question and its choices; an exercise and its law
lessons.py      "6.q1" -> the question by that name
record.py       guesses.json: what was guessed, how sure, and whether it was right
faults.py       one training, spoilt by one fault at a time
calibration.py  is the learner right as often as sure? Beside a model's reliability
lesson_00.py    what is finetuning
lesson_01.py    download and look
lesson_02.py    balance, encode, split, save
lesson_02b.py   the audit
lesson_03.py    batches
lesson_04.py    inside a GPT
lesson_04b.py   pretrained weights
lesson_05.py    a classification head
lesson_06.py    loss and accuracy
lesson_07.py    finetune
lesson_07b.py   learning rate and overfitting
lesson_07c.py   what is wrong
lesson_08.py    use it
lesson_09.py    LoRA
lesson_10.py    QLoRA
lesson_11.py    instructions
lesson_12.py    which one, when
lesson_14.py    what the score is worth
lesson_15.py    why spam
lesson_16.py    stress it
lesson_17.py    a modern LLM
"""

from spamft.check.answers import ask, check, forget, guess

__all__ = ["ask", "check", "forget", "guess"]
