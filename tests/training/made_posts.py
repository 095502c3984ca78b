"""Posts of no photos, for tests of what is done with their tags."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hashstagram.vocabulary import Vocabulary
from training.dataset import Posts


def made_posts(tags: NDArray[np.bool_], **fields: Any) -> Posts:
    """Posts with tags (n, vocabulary); fields that are not given are those of HARRISON: no split, no groups."""
    count = len(tags)
    ordinary = {
        "root": Path("nowhere"),
        "photos": tuple(f"{number}.jpg" for number in range(count)),
        "sources": np.array(["harrison"] * count),
        "groups": np.arange(count),
        "split": np.array([""] * count),
        "vocabulary": Vocabulary(tuple(f"tag{number}" for number in range(tags.shape[1]))),
        "readable": np.ones(count, dtype=np.bool_),
    }
    return Posts(tags=tags, **(ordinary | fields))
