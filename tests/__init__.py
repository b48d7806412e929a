"""The tests. This file makes `tests` a package of its own: a dependency of the benchmarks ships one of the same name."""
