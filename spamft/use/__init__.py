"""A trained classifier at work.

verdict.py  scores -> a label, or none, and calibrated probabilities
predict.py  texts -> a verdict for each
tables.py   a file of texts -> the same with verdicts
saved.py    a classifier <-> a folder
trained.py  what training changed <-> all weights, laid over a base
export.py   a classifier -> Hugging Face's layout
page.py     a classifier -> one HTML page that runs in any browser

A finished run, taken to other programs, which must agree with it:

finished.py             a run's folder -> all that an export needs
export_transformers.py  -> a folder for transformers' pipeline
export_peft.py          -> an adapter for PEFT
export_onnx.py          -> a folder for onnxruntime
onnx_graph.py           a classifier -> one ONNX graph
int8.py                 a graph -> one of products in 8 bits
tokenizer_json.py       a tokenizer -> Hugging Face's tokenizers
model_card.py           metrics.json -> the README.md of an exported model
agreement.py            whether two programs give the same
"""
