# SPDX-License-Identifier: Apache-2.0
"""What ranks noted of the clips that they trained on."""


def noting(folder):
    """The environment in which ranks do so."""
    folder.mkdir(parents=True)
    return {"GASM_TEST_SAMPLES": str(folder)}


def samples_of(folder):
    """(step, micro-batch) -> numbers of its clips; ranks have no micro-batch in common."""
    found = {}
    for path in sorted(folder.glob("rank-*.txt")):
        for line in path.read_text().splitlines():
            _, step, index, *samples = map(int, line.split())
            if (step, index) in found:
                raise AssertionError(f"{path}: step {step}, micro-batch {index} a second time")
            found[step, index] = samples
    return found
