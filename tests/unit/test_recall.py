"""Answers about the same objects are given once, and only about the same objects."""

from voicefleet.recall import remembered


def a_counted_sum(answers: int):
    """Return a function that adds two lists up, and how often it had to."""
    asked: list[tuple[int, ...]] = []

    @remembered(answers)
    def add(left: list[int], *, right: list[int]) -> int:
        asked.append((*left, *right))
        return sum(left) + sum(right)

    return add, asked


def test_the_same_objects_are_answered_from_memory():
    """Plan and status of one cycle ask the same; the second answer must cost nothing."""
    add, asked = a_counted_sum(4)
    left, right = [1], [2]

    answers = [add(left, right=right), add(left, right=right)]

    assert (answers, len(asked)) == ([3, 3], 1)


def test_equal_objects_are_asked_about_anew():
    """Only the address tells; a copy may have been made to be changed."""
    add, asked = a_counted_sum(4)

    answers = [add([1], right=[2]), add([1], right=[2])]

    assert (answers, len(asked)) == ([3, 3], 2)


def test_an_address_never_comes_back_as_another_object():
    """What an answer was made from is kept, or its address could be given to the next list."""
    add, _ = a_counted_sum(50)

    answers = [add([number], right=[0]) for number in range(50)]

    assert answers == list(range(50))


def test_only_so_many_answers_are_kept():
    """All that an answer was made from stays in memory with it, so the number is bounded."""
    add, asked = a_counted_sum(1)
    one, two = [1], [2]

    add(one, right=two)
    add(two, right=one)
    add(one, right=two)

    assert len(asked) == 3
