"""Answers the same question about the same objects once.

Plan and status of a cycle ask much of the same observation: how many sessions there are, which
workers, which size. All of them are frozen, so the same objects give the same answer, and the
address of an object tells faster than its content that it is the same. The arguments are kept
beside the answer, so no address can come back as another object's meanwhile. Decorates pure
functions of `core`, `render` and `planning`.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

Arguments = ParamSpec("Arguments")
Answer = TypeVar("Answer")


def remembered(
    answers: int,
) -> Callable[[Callable[Arguments, Answer]], Callable[Arguments, Answer]]:
    """Return a decorator that gives a function a memory of its last answers.

    Args:
        answers: How many are kept, the newest ones. As many as one cycle asks for will do;
            all that they were made from stays in memory for as long.
    """

    def decorate(function: Callable[Arguments, Answer]) -> Callable[Arguments, Answer]:
        kept: dict[tuple[Any, ...], tuple[Any, Answer]] = {}

        @wraps(function)
        def recall(*arguments: Arguments.args, **named: Arguments.kwargs) -> Answer:
            key: tuple[Any, ...] = tuple(map(id, arguments))
            if named:
                key = (*key, *named, *map(id, named.values()))
            known = kept.get(key)
            if known is not None:
                return known[1]
            answer = function(*arguments, **named)
            if len(kept) >= answers:
                del kept[next(iter(kept))]
            kept[key] = ((arguments, named), answer)
            return answer

        return recall

    return decorate
