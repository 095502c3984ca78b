"""Companions: tags that people write with what a photo shows (`dog`: `dogsofinstagram`).

One small network, learned from HARRISON's posts, takes the visible tags' probabilities to those of the other tags.
"""

import os
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hashstagram.errors import WeightsError
from hashstagram.sharing import SharedCache
from hashstagram.vocabulary import Vocabulary
from hashstagram.weights import CompanionsRecord, check_vocabulary, load_tensors

Floats = npt.NDArray[np.float32]
Indices = npt.NDArray[np.intp]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Companions:
    """p = sigmoid(output · relu(hidden · x + hidden_bias) + output_bias).

    x are the probabilities of the tags `inputs`, p those of the tags `outputs`, both given as vocabulary indices.
    Of x counts what goes beyond the tags that imply it (`beyond_implied`): who writes `dog` need not write `animal`.
    `implied` has shape (inputs, inputs), `hidden` (width, inputs), `hidden_bias` (width,), `output` (outputs, width),
    `output_bias` (outputs,).
    """

    implied: Mask
    hidden: Floats
    hidden_bias: Floats
    output: Floats
    output_bias: Floats
    inputs: Indices
    outputs: Indices

    def probabilities(self, visible: Floats) -> Floats:
        """Visible probabilities (tags,) to companion probabilities (tags,), 0 for tags that are no output."""
        companions = np.zeros_like(visible)
        beyond = beyond_implied(visible[None, self.inputs], self.implied)[0]
        hidden = np.maximum(self.hidden @ beyond + self.hidden_bias, 0)
        companions[self.outputs] = sigmoid(self.output @ hidden + self.output_bias)
        return companions

    def spoken_for(self, visible: Floats, companion: int) -> Floats:
        """What each visible tag (tags,) adds to the score of one companion, given by its vocabulary index.

        The layer is linear around any photo, so the shares and what its biases add make up the whole score.
        """
        shares = np.zeros_like(visible)
        beyond = beyond_implied(visible[None, self.inputs], self.implied)[0]
        active = self.hidden @ beyond + self.hidden_bias > 0
        row = self.output[np.flatnonzero(self.outputs == companion)[0]]
        shares[self.inputs] = beyond * ((row * active) @ self.hidden)
        return shares


_loaded: SharedCache[tuple[str, tuple[str, ...], tuple[str, ...]], Companions] = SharedCache()


def load_companions(folder: str | os.PathLike[str], record: CompanionsRecord, vocabulary: Vocabulary) -> Companions:
    """The companion layer of a weight folder, once in memory for the whole process.

    Raises WeightsError for a file that is missing or damaged, that was trained for another vocabulary, or whose
    arrays do not have the shapes that its record says.
    """
    check_vocabulary(record, vocabulary, len({*record.inputs, *record.outputs}))
    return _loaded.get((record.sha256, record.inputs, record.outputs), lambda: _load(folder, record, vocabulary))


def _load(folder: str | os.PathLike[str], record: CompanionsRecord, vocabulary: Vocabulary) -> Companions:
    if strangers := [tag for tag in (*record.inputs, *record.outputs) if tag not in vocabulary]:
        raise WeightsError(f"{record.id} has tags that are not in the vocabulary: {', '.join(strangers[:5])}.")
    tensors = load_tensors(folder, record)
    shapes = {name: tensor.shape for name, tensor in tensors.items()}
    width = shapes.get("hidden.bias", (0,))[0]
    expected = {
        "implied": (len(record.inputs), len(record.inputs)),
        "hidden.weight": (width, len(record.inputs)),
        "hidden.bias": (width,),
        "output.weight": (len(record.outputs), width),
        "output.bias": (len(record.outputs),),
    }
    if shapes != expected:
        raise WeightsError(f"{record.file} holds {shapes}; {expected} was expected. Export it again.")
    arrays = {name: tensor.astype(np.float32) for name, tensor in tensors.items()}
    for array in arrays.values():
        array.setflags(write=False)
    return Companions(
        implied=arrays["implied"] > 0,
        hidden=arrays["hidden.weight"],
        hidden_bias=arrays["hidden.bias"],
        output=arrays["output.weight"],
        output_bias=arrays["output.bias"],
        inputs=np.array([vocabulary.index(tag) for tag in record.inputs], dtype=np.intp),
        outputs=np.array([vocabulary.index(tag) for tag in record.outputs], dtype=np.intp),
    )


def beyond_implied(visible: Floats, implied: Mask) -> Floats:
    """Probabilities (n, tags) less that of the likeliest tag that implies each, but not below 0.

    `implied` (tags, tags) says in row a and column b whether a implies b.
    """
    sources, tags = np.nonzero(implied)
    beyond = visible.T.copy()
    np.minimum.at(beyond, tags, visible.T[tags] - visible.T[sources])
    return np.maximum(beyond.T, 0)


def sigmoid(scores: Floats) -> Floats:
    """1 / (1 + exp(-scores)), exact for small probabilities and without overflow."""
    probabilities: Floats = np.exp(-np.logaddexp(np.float32(0), -scores))
    return probabilities
