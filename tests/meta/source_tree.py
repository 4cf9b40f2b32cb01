# SPDX-License-Identifier: Apache-2.0
"""What the checks of this folder share: the files of the repository."""

import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
SKIPPED = 77  # the exit code that CTest shows as "Skipped"


def files(*suffixes, below=("",)):
    """Files that git tracks or would track, or all but build products."""
    try:
        names = subprocess.run(
            ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others",
             "--exclude-standard"], check=True, capture_output=True,
            text=True).stdout.split("\0")
    except (OSError, subprocess.CalledProcessError):
        names = []
        for folder, inner, here in os.walk(ROOT):
            inner[:] = [d for d in inner if d not in
                        {".git", "build", "data", "runs", "__pycache__"}]
            names += [str((pathlib.Path(folder) / f).relative_to(ROOT))
                      for f in here]
    return sorted(ROOT / n for n in set(names)
                  if n and n.startswith(tuple(below))
                  and n.endswith(tuple(suffixes) or "")
                  and (ROOT / n).is_file())


def code(path):
    """The file without comments and texts in quotes, lines kept."""
    def blank(match):
        word = match.group(0)
        if word[0] in "\"'" or word.startswith("R\""):
            return '""' + "\n" * word.count("\n")
        return "\n" * word.count("\n")
    text = path.read_text()
    # Keep the names of included files.
    text = re.sub(r'(?m)^(\s*#\s*include\s*)"([^"\n]*)"', r"\1<\2>", text)
    return re.sub(
        r'R"(\w*)\(.*?\)\1"|//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"'
        r"|(?<!\w)'(?:\\.|[^'\\\n])'", blank, text, flags=re.S)


def includes(path):
    """The names in a file's #include lines."""
    return re.findall(r'(?m)^\s*#\s*include\s*[<"]([^>"]+)[>"]',
                      path.read_text())


def relative(path):
    return path.relative_to(ROOT)


def finish(problems, what):
    """Prints the verdict and ends the program."""
    for problem in problems:
        print(problem)
    count = len(problems)
    print(f"{what}: " + ("ok" if not count else f"{count} problem"
                         + ("s" if count > 1 else "")))
    sys.exit(1 if count else 0)
