"""A public proof: which notebook servers lose or duplicate what people and programs write.

    make prove                                   # every scenario on every system, one table
    make prove ARGS=--quick                      # fewer repetitions, and not the longest scenarios
    make prove ARGS="--systems jupyter-runtimed --scenarios kill_9,offline"

`environments` installs each system with its defaults, `systems` starts its server, `person` is a
person at a real Chromium, `stage` hands all of them to the scenarios, and `scenarios/` has one
scenario in each file. A scenario knows no system: it types, clicks and reads the same everywhere.
"""
