#!/usr/bin/env python3
"""Writes a tiny random Qwen3 (2 layers, 1 MB) with its own tokenizer and a ChatML template into a folder.

It says nothing sensible, but it is a real Qwen3: it loads in transformers, peft and vLLM, streams, knows
``enable_thinking`` and takes LoRA adapters. Deterministic: the same files every time for the same versions.

    python scripts/make_tiny_qwen.py DIR [FILE] [--layers 2] [--hidden 128] [--positions 2048] [--flat]
                                     [--says TEXT]

needs torch, transformers and tokenizers. FILE is text (UTF-8) that the tokenizer also learns its words from:
prompts made of them get short. The model can then be taught facts by an adapter. Larger sizes make a server
that takes as long to read a prompt as a real one. With --says it gives one reply to every prompt,
the same each time, and ends: what comes before and behind a model can then be compared.
"""

from __future__ import annotations

import argparse
import itertools
from pathlib import Path
from typing import Any

CHAT_TEMPLATE = """{%- for message in messages %}
{{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' }}
{%- endfor %}
{%- if add_generation_prompt %}
{{- '<|im_start|>assistant\\n' }}
{%- if enable_thinking is defined and enable_thinking is false %}
{{- '<think>\\n\\n</think>\\n\\n' }}
{%- endif %}
{%- endif %}"""

CORPUS = (
    "The net revenue of the company rose to 1,577 million yuan in 2018, as shown in the annual report [1].",
    "Operating cash flow, total assets and gross margin are given in the notes to the accounts [2][3].",
    "公司2019年营业收入为12.3亿元，同比增长5.6%，归属于上市公司股东的净利润为1.8亿元[1]。",
    "资料不足，无法根据所给资料回答这个问题。根据年度报告第12页，研发投入占营业收入的比例为3.2%。",
    "0 1 2 3 4 5 6 7 8 9 [1] [2] [3] passage page section document question answer",
)
SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<think>", "</think>")


def make_tiny_qwen(
    folder: Path,
    more: str = "",
    *,
    seed: int = 0,
    layers: int = 2,
    hidden: int = 128,
    positions: int = 2048,
    flat: bool = False,
    says: str = "",
) -> Path:
    """The folder, holding config, safetensors weights, tokenizer and chat template. ``flat``: nearly all
    tokens stay equally likely. ``says``: what it replies to everything."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import GenerationConfig, PreTrainedTokenizerFast, Qwen3Config, Qwen3ForCausalLM

    folder.mkdir(parents=True, exist_ok=True)
    raw = Tokenizer(models.BPE())
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=1024,
        special_tokens=list(SPECIAL),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    raw.train_from_iterator([*CORPUS * 4, *[more] * 4], trainer)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=raw, eos_token="<|im_end|>", pad_token="<|endoftext|>", model_max_length=positions
    )
    tokenizer.chat_template = CHAT_TEMPLATE
    tokenizer.save_pretrained(folder)

    torch.manual_seed(seed)
    config = Qwen3Config(
        vocab_size=1024,
        hidden_size=hidden,
        intermediate_size=2 * hidden,
        num_hidden_layers=layers,
        num_attention_heads=hidden // 32,
        num_key_value_heads=2,
        head_dim=32,
        max_position_embeddings=positions,
        tie_word_embeddings=not says,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    model = Qwen3ForCausalLM(config)
    if more and not flat:
        # Logits are products with the tied embeddings, which an adapter leaves as they are: of 0.02 each they
        # end at 2.6, too little to be sure of one of 1024 tokens.
        with torch.no_grad():
            model.model.embed_tokens.weight.mul_(5)
    if says:
        _bind(model, tokenizer, says)
    model = model.to(torch.bfloat16)
    model.generation_config = GenerationConfig(
        eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id
    )
    model.save_pretrained(folder, safe_serialization=True)
    return folder


def _bind(model: Any, tokenizer: Any, says: str) -> None:
    """Each token of the reply calls for the next by itself: what blocks add is set to nothing, and the output
    row of a token is the embedding of the one before it."""
    import torch

    head = tokenizer.apply_chat_template(
        [{"role": "user", "content": "?"}], tokenize=False, add_generation_prompt=True, enable_thinking=False
    )
    chain = [tokenizer(head)["input_ids"][-1], *tokenizer(f"{says}<|im_end|>")["input_ids"]]
    if len(set(chain)) < len(chain):
        raise SystemExit(f"a token comes twice in it: {tokenizer.convert_ids_to_tokens(chain)}")
    with torch.no_grad():
        for layer in model.model.layers:
            layer.self_attn.o_proj.weight.zero_()
            layer.mlp.down_proj.weight.zero_()
        rows = torch.nn.functional.normalize(model.model.embed_tokens.weight, dim=1)
        model.model.embed_tokens.weight.copy_(rows)
        model.lm_head.weight.zero_()
        for now, then in itertools.pairwise(chain):
            model.lm_head.weight[then] = 8 * rows[now]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("file", type=Path, nargs="?")
    parser.add_argument("--layers", type=int, default=2)
    parser.add_argument("--hidden", type=int, default=128, help="a multiple of 64")
    parser.add_argument("--positions", type=int, default=2048)
    parser.add_argument("--flat", action="store_true", help="nearly all tokens equally likely")
    parser.add_argument("--says", default="", help="what it replies to everything")
    given = parser.parse_args()
    words = given.file.read_text(encoding="utf-8") if given.file else ""
    made = make_tiny_qwen(
        given.folder,
        words,
        layers=given.layers,
        hidden=given.hidden,
        positions=given.positions,
        flat=given.flat,
        says=given.says,
    )
    print(made)
