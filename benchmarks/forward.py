"""What our own forward pass buys the seed model: one gradient of imitation, beside transformers and PEFT.

Run: python -m benchmarks.forward [--repeat 20]. CPU milliseconds, best of several.
"""

import argparse
import tempfile
from pathlib import Path

import torch

from aoi.language.codec import WordCodec, vocabulary
from aoi.language.profile import SEED_PROFILE
from benchmarks.controllers import best_ms
from models.adapters import AdapterSettings
from models.fixed_prompts import fixed_prompts
from models.seed import architecture, tokenizer
from models.training.batches import Pair, accumulate
from models.training.forward import Whole, forward_of

SAID = '{"sum":" none","phase":" point","cause":" none","conf":" 3","do":" probe endpoints s4"}'
BATCH = 32


def main() -> None:
    """Print both."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeat", type=int, default=20)
    repeat = parser.parse_args().repeat
    torch.set_num_threads(1)
    words, codec = tokenizer.build(vocabulary()), WordCodec()
    with tempfile.TemporaryDirectory() as folder:
        architecture.save(architecture.initialise(words, 0), words, Path(folder))
        model = AdapterSettings().opened(Path(folder), None, 0)
    model.train()
    prompts = fixed_prompts("observer", SEED_PROFILE, BATCH)
    pairs = [Pair(codec.encode_prompt(text), codec.encode_completion(SAID)) for text in prompts]
    ours = best_ms(lambda: accumulate(forward_of(model), pairs, BATCH), repeat)
    theirs = best_ms(lambda: accumulate(Whole(model), pairs, BATCH), repeat)
    print(f"one gradient over {BATCH} decisions: ours {ours:.1f} ms, transformers and PEFT {theirs:.1f} ms")


if __name__ == "__main__":
    main()
