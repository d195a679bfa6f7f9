"""GPT-2, small enough to read in one sitting: ids -> hidden states, logits, text.

Shapes in comments use one letter per axis:
B batch, T tokens, C channels (emb_dim), H heads, D = C / H, V vocabulary.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from spamft.plumbing.errors import SpamftError
from spamft.plumbing.modes import evaluation_mode

__all__ = [
    "GPT",
    "MLP",
    "Block",
    "GPTConfig",
    "SelfAttention",
    "check_causal",
    "check_sizes",
    "generate",
]


MOST = 2**24  # of anything that a network has; above it a config is broken


def check_sizes(config: object, *names: str) -> None:
    """Raise SpamftError unless these fields are counts that a network can have."""
    for name in names:
        value = getattr(config, name)
        if type(value) is not int or not 1 <= value < MOST:
            raise SpamftError(
                f"{name}={value!r} must be a whole number from 1 to {MOST - 1:,}"
            )


def check_causal(config: object, purpose: str) -> None:
    """Raise SpamftError, naming the purpose, for a model whose tokens see what follows.

    Its next-token logits mean nothing: it has seen the next token.
    """
    if not getattr(config, "causal", True):  # other architectures may always be causal
        raise SpamftError(f"{purpose} needs causal attention, but this model's is full")


@dataclass(frozen=True)
class GPTConfig:
    """Size of the network. The defaults are GPT-2 small, 124M parameters."""

    vocab_size: int = 50257
    context_length: int = 1024  # most tokens one input may have
    emb_dim: int = 768  # channels per token
    n_layers: int = 12
    n_heads: int = 12  # must divide emb_dim
    dropout: float = 0.0  # a probability; 0 as in the lecture
    causal: bool = True  # a token sees those before it; else all of the message

    def __post_init__(self):
        names = ("vocab_size", "context_length", "emb_dim", "n_layers", "n_heads")
        check_sizes(self, *names)
        if self.emb_dim % self.n_heads:
            raise SpamftError(
                f"n_heads={self.n_heads} must divide emb_dim={self.emb_dim}"
            )
        if not 0 <= self.dropout < 1:
            raise SpamftError(f"dropout={self.dropout} must lie in [0, 1)")
        if type(self.causal) is not bool:
            raise SpamftError(f"causal={self.causal!r} must be True or False")


class SelfAttention(nn.Module):
    """Every token gathers from itself and the tokens before it.

    Without `config.causal` it gathers from all, as in BERT.
    """

    def __init__(self, config: GPTConfig):
        super().__init__()
        self.n_heads, self.causal = config.n_heads, config.causal
        self.dropout = config.dropout
        self.qkv = nn.Linear(config.emb_dim, 3 * config.emb_dim)
        self.out = nn.Linear(config.emb_dim, config.emb_dim)

    def forward(self, x: Tensor, past: list[Tensor] | None = None) -> Tensor:
        """(B, T, C) -> (B, T, C).

        `past` collects keys and values between calls: [] before the first call,
        which may bring many tokens; each later call brings one.
        """
        q, k, v = self.project(x)
        if past is not None:
            if past:
                k, v = torch.cat([past[0], k], dim=2), torch.cat([past[1], v], dim=2)
            past[:] = [k, v]
        return self.gather(q, k, v)

    def project(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(B, T, C) -> query, key and value of every token, each (B, H, T, D)."""
        B, T, _ = x.shape  # (B, T, 3C) -> three of (B, H, T, D)
        return self.qkv(x).view(B, T, 3, self.n_heads, -1).permute(2, 0, 3, 1, 4)

    def gather(
        self, q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None = None
    ) -> Tensor:
        """What each of Q queries finds among T tokens: (B, Q, C).

        `mask`, such as (B, 1, 1, T), is True for the tokens that a query may see;
        without it, those are all up to its own, or all if attention is not causal.
        """
        y = F.scaled_dot_product_attention(
            q,
            k,
            v,
            attn_mask=mask,
            dropout_p=self.dropout if self.training else 0.0,
            # one new token may see all the old ones
            is_causal=self.causal and mask is None and q.shape[2] == k.shape[2],
        )
        return self.out(y.transpose(1, 2).flatten(2))

    def gather_for(self, one: Tensor, x: Tensor, mask: Tensor) -> Tensor:
        """What the query of one token a message, (B, C), finds among all, (B, T, C):
        (B, C), as `gather` would, but for rounding. `mask` is (B, 1, 1, T).

        With one query, fewer products come to the same: (q W) x = q (W x), so the key
        matrix meets the query instead of every token, and the value matrix meets the
        weighted mean of the tokens instead of each.
        """
        if type(self.qkv) is not nn.Linear:  # LoRA, or fewer bits: no matrix to take
            q, k, v = self.project(x)
            return self.gather(self.project(one[:, None])[0], k, v, mask)[:, 0]
        query, key, value = self.qkv.weight.view(3, self.n_heads, -1, x.shape[2])
        # the key's bias adds the same to every token's score, so it changes no weight
        of_query, _, of_value = self.qkv.bias.view(3, self.n_heads, -1)
        q = torch.einsum("bc,hdc->bhd", one, query) + of_query
        q = torch.einsum("bhd,hdc->bhc", q, key) / key.shape[1] ** 0.5
        scores = (q @ x.mT).masked_fill(~mask[:, 0], -torch.inf)  # (B, H, T)
        weights = F.dropout(scores.softmax(-1), self.dropout, self.training)
        y = torch.einsum("bhc,hdc->bhd", weights @ x, value)
        y = y + weights.sum(-1, keepdim=True) * of_value  # the sum is 1 without dropout
        return self.out(y.flatten(1))


class MLP(nn.Module):
    """Two linear layers with GELU between them, for each token on its own."""

    def __init__(self, config: GPTConfig):
        super().__init__()
        self.up = nn.Linear(config.emb_dim, 4 * config.emb_dim)
        self.down = nn.Linear(4 * config.emb_dim, config.emb_dim)

    def forward(self, x: Tensor) -> Tensor:
        """(..., C) -> (..., C)."""
        # OpenAI trained with the tanh approximation, so the weights expect it
        return self.down(F.gelu(self.up(x), approximate="tanh"))


class Block(nn.Module):
    """Attention, then the MLP; each adds to the token instead of replacing it."""

    def __init__(self, config: GPTConfig):
        super().__init__()
        self.norm_1 = nn.LayerNorm(config.emb_dim)
        self.attention = SelfAttention(config)
        self.norm_2 = nn.LayerNorm(config.emb_dim)
        self.mlp = MLP(config)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x: Tensor, past: list[Tensor] | None = None) -> Tensor:
        """(B, T, C) -> (B, T, C); `past` as in `SelfAttention.forward`."""
        return self.finish(x, self.attention(self.norm_1(x), past))

    def project(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(B, T, C) -> query, key and value of every token, each (B, H, T, D)."""
        return self.attention.project(self.norm_1(x))

    def gather(self, q: Tensor, k: Tensor, v: Tensor, mask: Tensor) -> Tensor:
        """What Q queries find where `mask` lets them look: (B, Q, C)."""
        return self.attention.gather(q, k, v, mask)

    def gather_for(self, x: Tensor, positions: Tensor, mask: Tensor) -> Tensor:
        """What the tokens at `positions` (B,) find among all, (B, T, C): (B, C)."""
        x = self.norm_1(x)
        one = x[torch.arange(len(x), device=x.device), positions]  # (B, C)
        return self.attention.gather_for(one, x, mask)

    def finish(self, x: Tensor, gathered: Tensor) -> Tensor:
        """Add what the tokens `x` gathered, then what they make of it."""
        x = x + self.dropout(gathered)
        return x + self.dropout(self.mlp(self.norm_2(x)))


class GPT(nn.Module):
    """Token and position vectors through a stack of blocks."""

    def __init__(self, config: GPTConfig, *, seed: int = 123):
        super().__init__()
        self.config = config
        self.tok_emb = nn.Embedding(config.vocab_size, config.emb_dim)
        self.pos_emb = nn.Embedding(config.context_length, config.emb_dim)
        self.dropout = nn.Dropout(config.dropout)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.n_layers))
        self.final_norm = nn.LayerNorm(config.emb_dim)
        if not self.tok_emb.weight.is_meta:  # a meta model is about to be filled
            self._initialize(torch.Generator().manual_seed(seed))

    @torch.no_grad()
    def _initialize(self, generator: torch.Generator) -> None:
        """As GPT-2: N(0, 0.02), smaller where it adds to the residual; biases 0."""
        residual = 0.02 / (2 * self.config.n_layers) ** 0.5
        for name, parameter in self.named_parameters():
            if name.endswith("bias"):
                parameter.zero_()
            elif parameter.dim() == 2:
                adds = name.endswith(("attention.out.weight", "mlp.down.weight"))
                parameter.normal_(0, residual if adds else 0.02, generator=generator)

    def embed(self, ids: Tensor, start: int = 0) -> Tensor:
        """(B, T) token ids -> (B, T, C); the first one stands at `start`."""
        end = start + ids.shape[1]
        if end > self.config.context_length:
            raise SpamftError(
                f"{end} tokens do not fit into a context of "
                f"{self.config.context_length}: cut the text or use a larger model"
            )
        positions = torch.arange(start, end, device=ids.device)
        return self.dropout(self.tok_emb(ids) + self.pos_emb(positions))

    def hidden(self, ids: Tensor) -> Tensor:
        """(B, T) token ids -> (B, T, C) one vector per token."""
        x = self.embed(ids)
        for block in self.blocks:
            x = block(x)
        return self.final_norm(x)

    def forward(self, ids: Tensor) -> Tensor:
        """(B, T) token ids -> (B, T, V) next-token logits."""
        return self.logits(self.hidden(ids))

    def logits(self, hidden: Tensor) -> Tensor:
        """(..., C) hidden states -> (..., V); GPT-2 reuses its token vectors."""
        return F.linear(hidden, self.tok_emb.weight)


@torch.no_grad()
def generate(
    gpt: GPT,
    ids: Tensor,
    max_new_tokens: int,
    *,
    temperature: float = 0.0,
    top_k: int | None = None,
    stop_id: int | None = None,
    seed: int = 123,
) -> Tensor:
    """(B, T) prompts of equal length -> (B, T + new) prompts with their continuation.

    Temperature 0 takes the likeliest token each time; above 0 one is drawn, from
    the `top_k` likeliest if given. Ends early when every row has produced `stop_id`.
    """
    _check_generate(gpt, ids, max_new_tokens, temperature, top_k)
    generator = torch.Generator(ids.device).manual_seed(seed)
    pasts: list[list[Tensor]] = [[] for _ in gpt.blocks]
    stopped = torch.zeros(len(ids), dtype=torch.bool, device=ids.device)
    new = ids
    with evaluation_mode(gpt):
        for _ in range(max_new_tokens):
            x = gpt.embed(new, start=ids.shape[1] - new.shape[1])
            for block, past in zip(gpt.blocks, pasts, strict=True):
                x = block(x, past)
            logits = gpt.logits(gpt.final_norm(x[:, -1]))  # (B, V)
            new = _pick(logits, temperature, top_k, generator)  # (B, 1)
            ids = torch.cat([ids, new], dim=1)
            if stop_id is not None:
                stopped |= new[:, 0] == stop_id
                if stopped.all():
                    break
    return ids


def _pick(
    logits: Tensor, temperature: float, top_k: int | None, generator: torch.Generator
) -> Tensor:
    """(B, V) logits -> (B, 1) token ids."""
    if temperature == 0:
        return logits.argmax(-1, keepdim=True)
    if top_k is not None:
        smallest = logits.topk(min(top_k, logits.shape[-1])).values[:, -1:]
        logits = logits.masked_fill(logits < smallest, -torch.inf)
    chances = (logits / temperature).softmax(-1)
    return torch.multinomial(chances, 1, generator=generator)


def _check_generate(
    gpt: GPT, ids: Tensor, new: int, temperature: float, top_k: int | None
) -> None:
    check_causal(gpt.config, "generating text")
    total = ids.shape[1] + new
    if ids.shape[1] == 0:
        raise SpamftError("an empty prompt has no next token: give at least one id")
    if new < 0 or total > gpt.config.context_length:
        raise SpamftError(
            f"{ids.shape[1]} prompt tokens + {new} new ones must fit into the "
            f"context of {gpt.config.context_length}"
        )
    if temperature < 0 or (top_k is not None and top_k < 1):
        raise SpamftError(f"{temperature=} must be >= 0 and {top_k=} at least 1")
