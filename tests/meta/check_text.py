#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks lengths of files, leftovers, and words that do not belong here."""

import re

from source_tree import ROOT, code, files, finish, relative

# Split, so that this file does not find itself.
LEFTOVERS = re.compile(r"\b(?:TO" r"DO|FIX" r"ME|X" r"XX|HA" r"CK)\b")
FOREIGN = re.compile(r"(?<![\w.])/wo" r"rk/|/ro" r"ot/|\bhel" r"per-|"
                     r"\bissue #\d|\bthe br" r"ief\b", re.I)
LICENCE = "SPDX-License-Identifier: Apache-2.0"
SOURCES = (".hpp", ".cpp", ".h", ".cu", ".py", ".sh", ".cmake")


def main():
    problems = []

    def limit(path, most, count=None):
        count = count or len(path.read_text().splitlines())
        if count > most:
            problems.append(f"{relative(path)}: {count} lines, {most} at most."
                            " Try splitting it by idea.")

    for path in files():
        try:
            text = path.read_text()
        except UnicodeDecodeError:
            continue
        where = relative(path)
        for number, line in enumerate(text.splitlines(), 1):
            for what, pattern in (("leftover", LEFTOVERS),
                                  ("foreign to the project", FOREIGN)):
                if found := pattern.search(line):
                    problems.append(f"{where}:{number}: \"{found.group(0)}\" "
                                    f"({what})")
        script = text.startswith("#!")
        if path.suffix in SOURCES or script:
            limit(path, 500)
            if text.strip() and LICENCE not in "\n".join(
                    text.splitlines()[:3]):
                problems.append(f"{where}: no line \"{LICENCE}\"")
        if path.suffix == ".hpp" and "#pragma once" not in text:
            problems.append(f"{where}: no #pragma once")
        if text and not text.endswith("\n"):
            problems.append(f"{where}: the last line has no end")
    for path in files(".cpp", below=["src/apps/"]):
        if re.search(r"(?m)^int (?:run_\w+|main)\(", code(path)):
            limit(path, 120)
    limit(ROOT / "CMakeLists.txt", 150)
    if (ROOT / "README.md").exists():
        limit(ROOT / "README.md", 200)
    finish(problems, "text")


if __name__ == "__main__":
    main()
