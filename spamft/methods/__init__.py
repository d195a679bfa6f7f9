"""How to finetune: a method is one value, a Method, and one line in METHODS.

method.py      Method and METHODS: start here
task.py        what a method is given, and what it gives back to be trained
heads.py       a class head on a GPT, and which of its blocks train
layers.py      find a model's linear layers, and replace them
lora.py        two thin matrices beside each frozen one
lora_files.py  what LoRA learned, in the files of Hugging Face's PEFT
nf4.py         frozen matrices in 4 bits: with LoRA on top, QLoRA
instruct.py    the task in words: prompts, answers, and how to read them
features.py    nothing trains: a logistic regression on frozen features
memory.py      what training costs in bytes, before it starts
"""
