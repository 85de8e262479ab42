"""Commands that parse their own arguments: data, train and evaluate."""

from collections.abc import Callable, Sequence


def run_data(arguments: Sequence[str]) -> int:
    """build a training corpus: avjax data build CORPUS --out DIR …"""
    from avjax.data.__main__ import main

    def make_aligner(field):
        from avjax.pipelines.aligning.corpus_aligners import (
            PhoneAligner,
            TranscriptAligner,
        )

        return PhoneAligner() if field == "aligner" else TranscriptAligner()

    return main(arguments, make_aligner)


def run_train(arguments: Sequence[str]) -> int:
    """train an experiment: avjax train NAME [path=value …]"""
    from avjax.train.__main__ import train

    return train(arguments)


def run_evaluate(arguments: Sequence[str]) -> int:
    """evaluate a trained experiment: avjax evaluate NAME|DIR [path=value …]"""
    from avjax.train.__main__ import evaluate

    return evaluate(arguments)


DELEGATED_COMMANDS: dict[str, Callable[[Sequence[str]], int]] = {
    "data": run_data,
    "train": run_train,
    "evaluate": run_evaluate,
}
