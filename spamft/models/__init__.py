"""Language models of other makers and architectures, with the same interface.

backbone.py       the five names, and what an architecture brings
attention.py      which tokens see which: causal or full attention
precision.py      frozen matrix products: float32, bfloat16 or int8
low_precision.py  linear layers that multiply in bfloat16 or int8
architectures.py  which architectures there are
layout.py         Hugging Face's tensors <-> ours, by one table read both ways
score.py          a class head as Hugging Face's classifiers have it, without a bias
llama.py          Llama and SmolLM2: what differs from GPT-2
llama_files.py    Llama's weights in Hugging Face's layout
graph.py          ONNX operators, collected one by one
operators.py      GPT-2 and Llama in ONNX's operators
vocabulary.py     a vocabulary of byte pairs <-> files and a tiktoken.Encoding
normalizer.py     a text -> what people see in it, before it becomes tokens
gguf.py           a GGUF file -> a Llama and its tokenizer
smollm2.py        SmolLM2 by name: from the hub, or from the package index
hub.py            the name of published weights -> files
chat.py           the chat template in a model's files: is it ChatML?
prompts.py        a question, examples and a message -> tokens, as the model expects
prompted.py       a GPT that classifies by answering a prompt
"""
