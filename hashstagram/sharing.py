"""Loaded things that a process keeps once, however many ask for them."""

import threading
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar
from weakref import WeakValueDictionary

_Key = TypeVar("_Key", bound=Hashable)
_Value = TypeVar("_Value")


class SharedCache(Generic[_Key, _Value]):
    """Values by key, each kept for as long as somebody uses it and then freed. Safe from many threads."""

    def __init__(self) -> None:
        self._values: WeakValueDictionary[_Key, _Value] = WeakValueDictionary()
        # Reentrant: a network with shared trunks loads these while it is being loaded itself.
        self._lock = threading.RLock()

    def get(self, key: _Key, load: Callable[[], _Value]) -> _Value:
        """The value of a key, made by `load` when nobody has it yet."""
        with self._lock:
            value = self._values.get(key)
            if value is None:
                value = load()
                self._values[key] = value
            return value
