"""Llama, and SmolLM2, which is built like it: ids -> hidden states, next-token logits.

The same five names as `gpt.GPT`, so all that works on GPT-2 works on it. Read gpt.py
first; six things differ, and each is said where it stands: how tokens are scaled
(RMSNorm), how a position is told (rotation), how heads share keys and values, how a
token thinks (SwiGLU), no biases, no dropout.

Shapes: B batch, T tokens, C channels, H query heads, G key-value heads, D = C / H,
V vocabulary.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from spamft.gpt import check_sizes
from spamft.plumbing.errors import SpamftError

__all__ = ["Llama", "LlamaAttention", "LlamaBlock", "LlamaConfig", "SwiGLU", "rotate"]


@dataclass(frozen=True)
class LlamaConfig:
    """Size of the network. The defaults are SmolLM2-135M."""

    vocab_size: int = 49152
    context_length: int = 8192  # most tokens one input may have
    emb_dim: int = 576  # channels per token
    n_layers: int = 30
    n_heads: int = 9  # must divide emb_dim
    n_kv_heads: int = 3  # must divide n_heads
    hidden_dim: int = 1536  # of the MLP
    rope_base: float = 100_000.0  # the slowest rotation takes about so many tokens
    norm_eps: float = 1e-5
    tied: bool = True  # the output reuses the token vectors, as in GPT-2
    causal: bool = True  # as in gpt.GPTConfig

    def __post_init__(self):
        check_sizes(self, "vocab_size", "context_length", "emb_dim", "n_layers")
        check_sizes(self, "n_heads", "n_kv_heads", "hidden_dim")
        for part, whole in (("n_heads", "emb_dim"), ("n_kv_heads", "n_heads")):
            if getattr(self, whole) % getattr(self, part):
                raise SpamftError(
                    f"{part}={getattr(self, part)} must divide "
                    f"{whole}={getattr(self, whole)}"
                )
        if self.emb_dim // self.n_heads % 2:
            raise SpamftError("a head needs an even number of channels: they pair")
        if not (1 <= self.rope_base < 1e12 and 0 < self.norm_eps < 1):
            raise SpamftError(
                f"rope_base={self.rope_base!r} and norm_eps={self.norm_eps!r} are no "
                "numbers of a model"
            )
        if type(self.causal) is not bool:
            raise SpamftError(f"causal={self.causal!r} must be True or False")

    @property
    def head_dim(self) -> int:
        """D, the channels of a head."""
        return self.emb_dim // self.n_heads


def rotate(x: Tensor, positions: Tensor, base: float) -> Tensor:
    """(B, H, T, D) turned by the angles of (T,) or (B, T) positions.

    GPT-2 adds a learned vector for each position. Here each pair of channels of a query
    or key is turned by an angle that grows with the position, fast for the first pairs
    and slowly for the last. A product of a query and a key then depends on how far they
    are apart alone. The pairs are channel i and i + D/2. After Su et al., 2021, arXiv
    2104.09864.
    """
    half = x.shape[-1] // 2
    speeds = base ** -(torch.arange(half, device=x.device).float() / half)  # (D/2,)
    angles = positions.float()[..., None] * speeds  # (T, D/2) or (B, T, D/2)
    if angles.dim() == 3:
        angles = angles[:, None]  # the same for all heads
    cos, sin = angles.cos().to(x.dtype), angles.sin().to(x.dtype)
    first, second = x[..., :half], x[..., half:]
    return torch.cat([first * cos - second * sin, second * cos + first * sin], dim=-1)


class LlamaAttention(nn.Module):
    """Every token gathers from itself and those before it, or from all if not causal.

    Several query heads share one head of keys and values, which then take less memory;
    GPT-2 has as many of these as of those.
    """

    def __init__(self, config: LlamaConfig):
        super().__init__()
        self.base, self.head_dim = config.rope_base, config.head_dim
        self.causal = config.causal
        kv = config.n_kv_heads * config.head_dim
        self.query = nn.Linear(config.emb_dim, config.emb_dim, bias=False)
        self.key = nn.Linear(config.emb_dim, kv, bias=False)
        self.value = nn.Linear(config.emb_dim, kv, bias=False)
        self.out = nn.Linear(config.emb_dim, config.emb_dim, bias=False)

    def forward(self, x: Tensor, past: list[Tensor] | None = None) -> Tensor:
        """(B, T, C) -> (B, T, C); `past` as in `gpt.SelfAttention.forward`."""
        start = past[0].shape[2] if past else 0
        positions = torch.arange(start, start + x.shape[1], device=x.device)
        q, k, v = self.project(x, x, positions, positions)
        if past is not None:
            if past:
                k, v = torch.cat([past[0], k], dim=2), torch.cat([past[1], v], dim=2)
            past[:] = [k, v]
        return self.gather(q, k, v)

    def project(
        self, x: Tensor, asking: Tensor, positions: Tensor, of_asking: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Queries (B, H, Q, D) of the tokens `asking` (B, Q, C), and keys and values of
        all tokens `x` (B, T, C), each (B, G, T, D), turned by their positions."""
        q = self._heads(self.query(asking))
        k, v = self._heads(self.key(x)), self._heads(self.value(x))
        return rotate(q, of_asking, self.base), rotate(k, positions, self.base), v

    def _heads(self, x: Tensor) -> Tensor:
        """(B, T, heads * D) -> (B, heads, T, D)."""
        return x.unflatten(-1, (-1, self.head_dim)).transpose(1, 2)

    def gather(
        self, q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None = None
    ) -> Tensor:
        """What each of Q queries finds among T tokens: (B, Q, C); see gpt.py."""
        y = F.scaled_dot_product_attention(
            q,
            k,
            v,
            attn_mask=mask,
            # one new token may see all the old ones
            is_causal=self.causal and mask is None and q.shape[2] == k.shape[2],
            enable_gqa=True,  # H / G queries share a key, without copies of it
        )
        return self.out(y.transpose(1, 2).flatten(2))


class SwiGLU(nn.Module):
    """Each token thinks on its own: one layer proposes, another one lets through.

    GPT-2 has one layer up and bends what it gives. After Shazeer, 2020, arXiv
    2002.05202.
    """

    def __init__(self, config: LlamaConfig):
        super().__init__()
        self.gate = nn.Linear(config.emb_dim, config.hidden_dim, bias=False)
        self.up = nn.Linear(config.emb_dim, config.hidden_dim, bias=False)
        self.down = nn.Linear(config.hidden_dim, config.emb_dim, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(..., C) -> (..., C)."""
        return self.down(F.silu(self.gate(x)) * self.up(x))


class LlamaBlock(nn.Module):
    """Gather, then think; each adds to the token instead of replacing it.

    RMSNorm divides a token by its length and scales its channels; GPT-2's LayerNorm
    also takes the mean away and adds a bias.
    """

    def __init__(self, config: LlamaConfig):
        super().__init__()
        self.norm_1 = nn.RMSNorm(config.emb_dim, config.norm_eps)
        self.attention = LlamaAttention(config)
        self.norm_2 = nn.RMSNorm(config.emb_dim, config.norm_eps)
        self.mlp = SwiGLU(config)

    def forward(self, x: Tensor, past: list[Tensor] | None = None) -> Tensor:
        """(B, T, C) -> (B, T, C); `past` as in `gpt.SelfAttention.forward`."""
        return self.finish(x, self.attention(self.norm_1(x), past))

    def project(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(B, T, C) -> every token's query (B, H, T, D), key and value (B, G, T, D)."""
        x, everywhere = self.norm_1(x), torch.arange(x.shape[1], device=x.device)
        return self.attention.project(x, x, everywhere, everywhere)

    def gather(self, q: Tensor, k: Tensor, v: Tensor, mask: Tensor) -> Tensor:
        """What Q queries find where `mask` lets them look: (B, Q, C)."""
        return self.attention.gather(q, k, v, mask)

    def gather_for(self, x: Tensor, positions: Tensor, mask: Tensor) -> Tensor:
        """What the tokens at `positions` (B,) find among all, (B, T, C): (B, C)."""
        x, everywhere = self.norm_1(x), torch.arange(x.shape[1], device=x.device)
        one = x[torch.arange(len(x), device=x.device), positions]  # (B, C)
        q, k, v = self.attention.project(
            x, one[:, None], everywhere, positions[:, None]
        )
        return self.gather(q, k, v, mask)[:, 0]

    def finish(self, x: Tensor, gathered: Tensor) -> Tensor:
        """Add what the tokens `x` gathered, then what they make of it."""
        x = x + gathered
        return x + self.mlp(self.norm_2(x))


class Llama(nn.Module):
    """Token vectors through a stack of blocks; positions are told inside them."""

    def __init__(self, config: LlamaConfig, *, seed: int = 123):
        super().__init__()
        self.config = config
        self.tok_emb = nn.Embedding(config.vocab_size, config.emb_dim)
        self.blocks = nn.ModuleList(LlamaBlock(config) for _ in range(config.n_layers))
        self.final_norm = nn.RMSNorm(config.emb_dim, config.norm_eps)
        if not config.tied:
            self.out_head = nn.Linear(config.emb_dim, config.vocab_size, bias=False)
        if not self.tok_emb.weight.is_meta:  # a meta model is about to be filled
            generator = torch.Generator().manual_seed(seed)
            for parameter in self.parameters():
                if parameter.dim() == 2:
                    nn.init.normal_(parameter, 0, 0.02, generator=generator)

    def embed(self, ids: Tensor, start: int = 0) -> Tensor:
        """(B, T) token ids -> (B, T, C); the first one stands at `start`."""
        end = start + ids.shape[1]
        if end > self.config.context_length:
            raise SpamftError(
                f"{end} tokens do not fit into a context of "
                f"{self.config.context_length}: cut the text or use a larger model"
            )
        return self.tok_emb(ids)

    def logits(self, hidden: Tensor) -> Tensor:
        """(..., C), what the final norm gave, -> (..., V) next-token logits."""
        if self.config.tied:
            return F.linear(hidden, self.tok_emb.weight)
        return self.out_head(hidden)
