"""Adaptive choice beside the usual typing tools on as many questions: open sets of real answers, or a CSV of yours.

    PYTHONPATH=. python -P benchmarks/typing.py [--halves 5] [--sets car-buyers,bfi] [--data FOLDER] [--jobs 2]
    PYTHONPATH=. python -P benchmarks/typing.py --answers YOURS.csv [--personas 6 | --label COLUMN] [--without id,date]

Each set is halved at random, each half is used both ways: everything is fitted on one half and scored on the other. Agreement is with the
likeliest persona after all answers, or with the label. The rivals: the best fixed order of our own model; logistic regression, LightGBM and
golden questions (the most important ones of a random forest, which then types by them), each on as many fixed questions; a decision tree
that asks as many on average. The adaptive order knows the number of questions, as the rivals do (`stop.endgame: accuracy`). `+-` is the
standard error over the halves of the paired difference to the adaptive order. The calibration error is over the respondents of all halves
together: on 400 respondents alone even true statements have one of .04, by chance.
"""

if __name__ == "typing":  # `python benchmarks/x.py` puts this folder before the standard library
    import sys
    from importlib import import_module

    del sys.modules["typing"]
    sys.path.remove(next(folder for folder in sys.path if folder.endswith("benchmarks")))
    import_module("typing")
else:
    from benchmarks.typing_tools import main

    if __name__ == "__main__":
        main(str(__doc__))
