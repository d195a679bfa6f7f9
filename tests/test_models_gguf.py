import numpy as np
import pytest
import torch
from test_models_llama import hidden_states, random_llama

from spamft.models.gguf import is_gguf, open_gguf
from spamft.models.llama_files import LAYOUT
from spamft.plumbing.errors import SpamftError

gguf = pytest.importorskip("gguf")
IDS = torch.arange(12).view(2, 6)
LETTERS = [chr(35 + i) for i in range(88)]
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
TOKENS = [*SPECIAL, *LETTERS, "Ġ", "th", "the", "Ġthe", "in", "an"]
TOP = {"embed_tokens": "token_embd", "norm": "output_norm", "lm_head": "output"}
BLOCK = {
    "input_layernorm": "attn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "post_attention_layernorm": "ffn_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}


def for_neighbours(weight: np.ndarray, heads: int) -> np.ndarray:
    """Rows as llama.cpp's converter puts them: pair i, i + D/2 becomes 2i, 2i + 1."""
    halves = weight.reshape(heads, 2, len(weight) // heads // 2, -1)
    return halves.swapaxes(1, 2).reshape(weight.shape)


def write(
    model,
    path,
    kind="F32",
    pre="smollm",
    architecture="llama",
    template=None,
    **changes,
):
    """The model as a GGUF file, its matrices in numbers of this kind."""
    writer, config = gguf.GGUFWriter(path, architecture), model.config
    settings = {
        "block_count": config.n_layers,
        "context_length": config.context_length,
        "embedding_length": config.emb_dim,
        "feed_forward_length": config.hidden_dim,
        "attention.head_count": config.n_heads,
        "attention.head_count_kv": config.n_kv_heads,
    } | changes
    for name, value in settings.items():
        if value is not None:
            writer.add_uint32(f"llama.{name}", value)
    writer.add_float32("llama.rope.freq_base", config.rope_base)
    writer.add_float32("llama.attention.layer_norm_rms_epsilon", config.norm_eps)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(pre)
    writer.add_token_list(TOKENS)
    writer.add_token_types([3 if token in SPECIAL else 1 for token in TOKENS])
    if template is not None:
        writer.add_chat_template(template)
    for name, tensor in LAYOUT.export(model).items():
        name = name.removeprefix("model.").removesuffix(".weight")
        numbers = tensor.detach().numpy()
        if name.endswith("q_proj"):
            numbers = for_neighbours(numbers, config.n_heads)
        if name.endswith("k_proj"):
            numbers = for_neighbours(numbers, config.n_kv_heads)
        of = gguf.GGMLQuantizationType[kind if numbers.ndim == 2 else "F32"]
        packed = gguf.quants.quantize(numbers.astype(np.float32), of)
        writer.add_tensor(f"{_their_name(name)}.weight", packed, raw_dtype=of)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _their_name(name: str) -> str:
    if name in TOP:
        return TOP[name]
    _, number, rest = name.split(".", 2)
    return f"blk.{number}.{BLOCK[rest]}"


@pytest.fixture(params=[True, False])
def model(request):
    # rows of 64: numbers are quantised in blocks of 32
    return random_llama(tied=request.param, emb_dim=64, hidden_dim=96)


@pytest.mark.parametrize("kind", ["F32", "F16", "BF16", "Q8_0", "Q4_0", "Q4_1"])
def test_a_file_gives_the_model_as_near_as_its_numbers_allow(tmp_path, model, kind):
    write(model, tmp_path / "it.gguf", kind)
    again, _ = open_gguf(tmp_path / "it.gguf")
    assert again.config == model.config and is_gguf(tmp_path / "it.gguf")
    of = gguf.GGMLQuantizationType[kind]
    for name, tensor in model.state_dict().items():
        numbers = tensor.numpy()
        if tensor.dim() == 2:  # a row of a matrix is quantised by itself
            numbers = gguf.quants.dequantize(gguf.quants.quantize(numbers, of), of)
        assert torch.equal(again.state_dict()[name], torch.from_numpy(numbers)), name
    if kind == "F32":
        states = [hidden_states(each, IDS)[-1] for each in (model, again)]
        assert torch.equal(*states)


def test_the_tokenizer_merges_by_rank_and_reads_special_tokens_as_text(tmp_path, model):
    write(model, tmp_path / "it.gguf")
    _, tokenizer = open_gguf(tmp_path / "it.gguf")
    ids = tokenizer.encode_ordinary("the the")
    assert [TOKENS[i] for i in ids] == ["the", "Ġthe"]
    assert tokenizer.encode_ordinary("<|endoftext|>")[0] == TOKENS.index("<")
    assert tokenizer.n_vocab == len(TOKENS) and tokenizer.eot_token == 0
    assert tokenizer.decode(tokenizer.encode_ordinary("in the an")) == "in the an"


def test_a_byte_without_a_token_is_the_end_and_not_an_id_beyond_the_model(
    tmp_path, model
):
    write(model, tmp_path / "it.gguf")
    _, tokenizer = open_gguf(tmp_path / "it.gguf")
    alone = tokenizer.encode_ordinary("a\x04a")
    [batched] = tokenizer.encode_ordinary_batch(["a\x04a"])
    assert alone == batched == [TOKENS.index("a"), 0, TOKENS.index("a")]


@pytest.mark.parametrize("template", [None, "{{ messages }}"])
def test_the_chat_template_is_the_files(tmp_path, template):
    write(random_llama(), tmp_path / "it.gguf", template=template)
    assert open_gguf(tmp_path / "it.gguf")[1].vocabulary.chat == template


@pytest.mark.parametrize(
    "options, complaint",
    [
        ({"architecture": "qwen2"}, "'qwen2' is not llama"),
        ({"pre": "llama-bpe"}, "tokenizer 'llama-bpe' is not one of"),
        ({"block_count": None}, "entry llama.block_count is missing"),
        ({"block_count": 10**6}, "1,000,000 layers, but only"),
        ({"embedding_length": 128}, "has shape"),
        ({"kind": "TQ1_0"}, "is of the kind TQ1_0"),
    ],
)
def test_a_foreign_file_is_refused_by_name(tmp_path, options, complaint):
    path = tmp_path / "it.gguf"
    big = random_llama(emb_dim=256, hidden_dim=256, n_layers=1)
    write(big if options.get("kind") else random_llama(), path, **options)
    with pytest.raises(SpamftError, match=complaint) as error:
        open_gguf(path)
    assert str(path) in str(error.value) and "\n" not in str(error.value)


def test_a_damaged_file_is_one_line(tmp_path, model):
    path = tmp_path / "it.gguf"
    write(model, path)
    raw = path.read_bytes()
    for size in (3, 4, 40, 400, 3000, len(raw) // 2, len(raw) - 9):
        path.write_bytes(raw[:size])
        with pytest.raises(SpamftError, match="it.gguf") as error:
            open_gguf(path)
        assert len(str(error.value)) < 600 + len(str(path))
