#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks that docs/collectives.md lists every function that communicates.

A public function communicates if it takes a Communicator or a Collective, or
is a member of one of the classes in COMMUNICATING_CLASSES. Usage:
check_collectives.py [REPOSITORY]; ends with 1 and names what is missing.
"""

import pathlib
import re
import sys

# Their members communicate though no argument shows it.
COMMUNICATING_CLASSES = ("Communicator", "Collective", "MpiSession")
# Members and functions of these classes' headers that only ask or move.
LOCAL = {"rank", "size", "memory", "is_root", "self", "world", "native_handle",
         "Communicator"}
NOT_NAMES = {"if", "for", "while", "switch", "return", "sizeof", "requires",
             "decltype", "span", "as_bytes", "as_writable_bytes", "move",
             "forward", "static_cast", "noexcept", "throw"}


def strip(source):
    """The source without comments, strings and preprocessor lines."""
    source = re.sub(r"//[^\n]*|/\*.*?\*/", "", source, flags=re.S)
    source = re.sub(r'"(?:\\.|[^"\\])*"', '""', source)
    return re.sub(r"^\s*#[^\n]*", "", source, flags=re.M)


def matching(source, start):
    """The position behind the bracket that closes source[start]."""
    pairs = {"(": ")", "{": "}"}
    opening, closing = source[start], pairs[source[start]]
    depth = 0
    for i in range(start, len(source)):
        depth += (source[i] == opening) - (source[i] == closing)
        if depth == 0:
            return i + 1
    return len(source)


def functions_that_take_a_group(source):
    """Names of functions with a Communicator or Collective parameter."""
    for found in re.finditer(r"\b([A-Za-z_]\w*)\s*\(", source):
        name = found.group(1)
        if name in NOT_NAMES:
            continue
        arguments = source[found.end() - 1:matching(source, found.end() - 1)]
        if found.start() and source[found.start() - 1] == "<":
            continue  # std::function<ExitCode(...)>
        if re.search(r"\b(Communicator|Collective)(\s+const)?\s*&(?!&)",
                     arguments):
            yield name


def class_body(source, name):
    found = re.search(r"\bclass\s+" + name + r"\b[^;{]*\{", source)
    if not found:
        return ""
    body = source[found.end() - 1:matching(source, found.end() - 1)]
    return body.split("private:")[0]


def members(source, name):
    """Names of the public members that are declared in a class."""
    body = class_body(source, name)[1:-1]
    # What stands in braces are inline definitions, not declarations.
    flat, i = "", 0
    while i < len(body):
        if body[i] == "{":
            i = matching(body, i)
            flat += ";"
        else:
            flat += body[i]
            i += 1
    for declaration in flat.split(";"):
        declaration = re.sub(r"requires\s*\(.*?\)", "", declaration)
        found = re.search(r"(~?\b[A-Za-z_]\w*)\s*\(", declaration)
        if found and not found.group(1).startswith("~"):
            yield found.group(1)


def missing(root):
    table = (root / "docs/collectives.md").read_text()
    rows = [line for line in table.splitlines() if line.startswith("|")]
    listed = {name for row in rows for name in re.findall(r"`([^`]*)`", row)}
    listed = {re.sub(r"\(.*", "", name).split("::")[-1] for name in listed}
    for header in sorted((root / "include/gasm").rglob("*.hpp")):
        source = strip(header.read_text())
        names = set(functions_that_take_a_group(source))
        for owner in COMMUNICATING_CLASSES:
            names |= set(members(source, owner)) - {"operator"}
        for name in sorted(names - LOCAL - listed):
            yield f"{header.relative_to(root)}: {name}"


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1
                        else pathlib.Path(__file__).parents[2])
    lacks = list(missing(root))
    for each in lacks:
        print(f"{each} communicates, but docs/collectives.md has no row for "
              "it. Try adding one.")
    return 1 if lacks else 0


if __name__ == "__main__":
    sys.exit(main())
