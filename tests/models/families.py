"""Models of five families as they are published, but for their size: tokens, chat templates, configurations, floats."""

import json
import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from tokenizers import AddedToken, Tokenizer, decoders, pre_tokenizers, trainers
from tokenizers.models import BPE
from transformers import (
    AutoModelForCausalLM,
    Gemma2Config,
    LlamaConfig,
    MistralConfig,
    PreTrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    Qwen2Config,
    Qwen3Config,
)

from aoi.language.codec import Prompt
from aoi.language.layouts import CHAT
from aoi.language.lexicon import CHECKS, SIGNALS
from aoi.language.profile import PRODUCTION_PROFILE
from aoi.records.decision import Decision, Finding, ProbeDo, SubmitDo, Words
from models.codec import TokenizerCodec
from models.fixed_prompts import fixed_prompts
from models.loading import base_model
from models.policies.in_process import ROLES
from models.training.batches import Pair, accumulate
from models.training.forward import Whole

TEMPLATES = Path(__file__).parent / "chat_templates"
"""As Qwen3, Qwen2.5, Llama 3.1, Gemma 2 and Mistral 7B v0.3 have them, without their tools."""
LINES = (
    "You are the on-call engineer of a Kubernetes application.",
    CHAT.say(Decision(None, "point", Finding("targetport", "geo"), 3, ProbeDo("endpoints", "geo"))),
    "connection refused: dial tcp 10.0.0.7:8083 in pod geo-7d9c",
)


@dataclass(frozen=True)
class Family:
    """What a model's folder says, and what its template is to make of a turn."""

    name: str
    bos: str | None
    eos: str
    """Of the tokenizer."""
    special: tuple[str, ...]
    ends: tuple[str, ...]
    """Of `generation_config.json`, as published."""
    end_of_turn: str
    user_turn: str
    """What stands before the text of a user who is the first to speak."""
    speaks: str
    """What stands between the user's text and the model's."""
    added: tuple[str, ...] = ()
    """Added tokens that are not special."""
    system_turn: str = ""
    """What stands before the system's text; empty where a template has no place for it."""
    between: str = ""
    """What stands between the system's text and the user's."""


QWEN3 = Family(
    "qwen3",
    None,
    "<|im_end|>",
    ("<|endoftext|>", "<|im_start|>", "<|im_end|>"),
    ("<|im_end|>", "<|endoftext|>"),
    "<|im_end|>",
    "<|im_start|>user\n",
    "<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n",
    added=("<think>", "</think>", "<tool_call>", "</tool_call>"),
    system_turn="<|im_start|>system\n",
    between="<|im_end|>\n<|im_start|>user\n",
)
FAMILIES = (
    QWEN3,
    Family(
        "llama3",
        "<|begin_of_text|>",
        "<|end_of_text|>",
        (
            "<|begin_of_text|>",
            "<|end_of_text|>",
            "<|start_header_id|>",
            "<|end_header_id|>",
            "<|eom_id|>",
            "<|eot_id|>",
        ),
        (
            "<|end_of_text|>",
            "<|eom_id|>",
            "<|eot_id|>",
        ),
        "<|eot_id|>",
        "<|start_header_id|>user<|end_header_id|>\n\n",
        "<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n",
        system_turn="26 Jul 2024\n\n",
        between="<|eot_id|><|start_header_id|>user<|end_header_id|>\n\n",
    ),
    Family(
        "gemma",
        "<bos>",
        "<eos>",
        ("<bos>", "<eos>", "<start_of_turn>", "<end_of_turn>"),
        ("<eos>",),
        "<end_of_turn>",
        "<start_of_turn>user\n",
        "<end_of_turn>\n<start_of_turn>model\n",
        added=("<unused0>", "<table>"),
    ),
    replace(
        QWEN3,
        name="qwen2",
        speaks="<|im_end|>\n<|im_start|>assistant\n",
        added=("<tool_call>", "</tool_call>"),
    ),
    Family("mistral", "<s>", "</s>", ("<s>", "</s>", "[INST]", "[/INST]"), ("</s>",), "</s>", "[INST] ", "[/INST]"),
)


ANSWERS = tuple(
    CHAT.say(Decision(None, "submit", None, conf, SubmitDo(verdict), Words("")))
    for conf in (2, 7)
    for verdict in ("no", "yes")
)
"""Decisions that mean something in any episode."""


def tokenizer_of(family: Family) -> PreTrainedTokenizerFast:
    """A byte-level BPE with the family's added tokens and template."""
    tokenizer = Tokenizer(BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    asked = [prompt for role in ROLES for prompt in fixed_prompts(role, PRODUCTION_PROFILE, 4)]
    words = [*LINES, *ANSWERS, *(f"{prompt.system}\n{prompt.user}" for prompt in asked)]
    tokenizer.train_from_iterator(words, trainers.BpeTrainer(vocab_size=1200, initial_alphabet=alphabet))
    tokenizer.add_special_tokens([AddedToken(token, normalized=False, special=True) for token in family.special])
    tokenizer.add_tokens([AddedToken(token, normalized=False, special=False) for token in family.added])
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token=family.eos,
        bos_token=family.bos,
        clean_up_tokenization_spaces=True,  # as Llama 3's configuration has it
    )
    fast.chat_template = (TEMPLATES / f"{family.name}.jinja").read_text().removesuffix("\n")
    return fast


def write_tokenizer(
    family: Family, folder: Path, change: Callable[[PreTrainedTokenizerFast], None] = lambda _: None
) -> Path:
    """The tokenizer and what says how a completion ends; no weights."""
    fast = tokenizer_of(family)
    change(fast)
    fast.save_pretrained(str(folder))
    ids = [fast.convert_tokens_to_ids(token) for token in family.ends]
    (folder / "config.json").write_text(json.dumps({"model_type": "qwen3", "eos_token_id": ids[0]}))
    (folder / "generation_config.json").write_text(json.dumps({"eos_token_id": ids if len(ids) > 1 else ids[0]}))
    return folder


PROMPTS, BY_HEART, SPEAKER_STEPS = 8, 150, 60
_SHAPE = {
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 16_384,
}
_CONFIGURATIONS: dict[str, Callable[..., PreTrainedConfig]] = {
    "qwen3": lambda **fields: Qwen3Config(head_dim=32, tie_word_embeddings=True, **fields),
    "qwen2": lambda **fields: Qwen2Config(tie_word_embeddings=True, **fields),
    "llama3": LlamaConfig,
    "gemma": lambda **fields: Gemma2Config(head_dim=16, query_pre_attn_scalar=16, sliding_window=64, **fields),
    "mistral": lambda **fields: MistralConfig(sliding_window=None, **fields),
}


def write_checkpoint(family: Family, folder: Path, spread: float = 0.3) -> Path:
    """An untrained model of the family's architecture, in bfloat16 as such are published."""
    write_tokenizer(family, folder)
    fast = tokenizer_of(family)
    config = _CONFIGURATIONS[family.name](vocab_size=len(fast), initializer_range=spread, **_SHAPE)
    for name, token in (("bos_token_id", family.bos), ("eos_token_id", family.eos)):
        setattr(config, name, fast.convert_tokens_to_ids(token) if token else None)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = AutoModelForCausalLM.from_config(config)
    return _saved(model, folder)


def _saved(model: PreTrainedModel, folder: Path) -> Path:
    """The weights are written in bfloat16; how a completion ends stays as it was written."""
    ends = (folder / "generation_config.json").read_bytes()
    model.to(torch.bfloat16).save_pretrained(str(folder))
    (folder / "generation_config.json").write_bytes(ends)
    return folder


def write_speaker(family: Family, folder: Path) -> Path:
    """A checkpoint of the family that knows how to answer, though not what: it has learnt a few answers by heart."""
    write_checkpoint(family, folder, 0.05)
    codec, model, rng = TokenizerCodec(folder), base_model(folder), random.Random(0)
    answers = [codec.encode_completion(answer) for answer in ANSWERS]
    asked = fixed_prompts("observer", PRODUCTION_PROFILE, PROMPTS)
    optimiser = torch.optim.AdamW(model.parameters(), lr=6e-3)
    for step in range(BY_HEART + SPEAKER_STEPS):
        prompts = [replace(one, user=one.user + _noise(rng)) for one in rng.choices(asked, k=PROMPTS)]
        if step < BY_HEART:  # the answers themselves are learnt after short prompts, at a tenth of the price
            prompts = [Prompt(_noise(rng)) for _ in range(PROMPTS)]
        pairs = [Pair(codec.encode_prompt(prompt), rng.choice(answers)) for prompt in prompts]
        optimiser.zero_grad()
        accumulate(Whole(model), pairs, PROMPTS)
        optimiser.step()
    return _saved(model, folder)


def _noise(rng: random.Random) -> str:
    """Text of any length, as evidence is."""
    letters = "".join(chr(code) for code in range(32, 127))
    words = (*SIGNALS, *CHECKS, "pod/frontend", '{"a":1}', "10.0.0.7:8083", "error")
    return " ".join(
        rng.choice((rng.choice(words), "".join(rng.choices(letters, k=4)))) for _ in range(rng.randrange(0, 60))
    )
