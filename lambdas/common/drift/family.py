"""One error rate for all the tests of a window, whatever their number and dependence."""


def adjusted(p_value: float, tests: int) -> float:
    """The p-value of one of `tests` tests, as if it were the only one: at most 1.

    Bonferroni's inequality: the probability that any of them is at most `level` without drift is
    at most `level`. O. J. Dunn, Multiple comparisons among means, Journal of the American
    Statistical Association 56 (1961), 52-64. Holm's step-down would find no drift that this does
    not find: it only adds more signals to the first; and it has no limit that could be drawn.
    """
    return min(1.0, p_value * tests)


def level_of_each(level: float, tests: int) -> float:
    """The level of each of `tests` tests for `level` over all of them."""
    return level / tests
