"""A finished run, taken to other programs, which must agree with it.

finished.py         a run's folder -> all that an export tells and is checked with
to_transformers.py  -> a folder for transformers' pipeline
to_peft.py          -> an adapter for PEFT
to_onnx.py          -> a folder for onnxruntime
page.py             -> one HTML page that runs in any browser
agreement.py        whether two programs give the same
model_card.py       metrics.json -> the README.md of an exported model

What they are made of:

hf_classifier.py    a classifier -> Hugging Face's layout
hf_tokenizer.py     a tokenizer -> Hugging Face's `tokenizers`
hf_normalizer.py    a normalizer -> the same there
onnx_graph.py       a classifier -> one ONNX graph
onnx_runner.py      a folder for onnxruntime at work, without PyTorch
int8.py             a graph -> one of products in 8 bits
page_form.py        weights in few bits, as a page holds them
page_html.py        what a page knows and shows: card, template, scripts, style
"""
