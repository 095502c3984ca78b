"""HashStagram: give it a photo, get the hashtags people would write under it.

    from hashstagram import load_model

    for hashtag in load_model().recommend("beach.jpg"):
        print(f"#{hashtag.tag} {hashtag.confidence:.0%}")

These names are the whole public surface.
"""

from hashstagram.choice import Choice, Hashtag
from hashstagram.errors import (
    HashStagramError,
    PhotoBroken,
    PhotoError,
    PhotoTooLarge,
    PhotoUnsupported,
    SettingError,
    WeightsError,
)
from hashstagram.explain import HeatMap, explain
from hashstagram.photos import Limits
from hashstagram.recommender import Recommender, available_models, compare, load_model
from hashstagram.vocabulary import Vocabulary

__version__ = "0.1.0"

__all__ = [
    "Choice",
    "HashStagramError",
    "Hashtag",
    "HeatMap",
    "Limits",
    "PhotoBroken",
    "PhotoError",
    "PhotoTooLarge",
    "PhotoUnsupported",
    "Recommender",
    "SettingError",
    "Vocabulary",
    "WeightsError",
    "__version__",
    "available_models",
    "compare",
    "explain",
    "load_model",
]
