"""The other types of finetuning, side by side with the lecture's.

    lora.py        two thin matrices beside each frozen one
    adapter.py     what LoRA learned, in the files of Hugging Face's PEFT
    nf4.py         frozen matrices in 4 bits: with LoRA on top, QLoRA
    memory.py      what training costs in bytes, before it starts
    instruct.py    the task in words: prompts, masked batches, answers read three ways
    compare.py     every way on the same messages
    table.py       what came of it, and what the differences are worth

The modules outside of this folder know nothing of it.
"""
