#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""tools/setup and CMake agree on where things are kept, and setup takes a
Python that will do. Nothing is fetched: Pythons and pip only pretend."""

import os
import pathlib
import shutil
import subprocess
import tempfile

from source_tree import ROOT, finish

# Version 3.MINOR; makes environments of its own kind.
PYTHON = """#!/usr/bin/env bash
set -euo pipefail
case "$1 $2" in
  "-c "*) [ {minor} -ge 11 ] ;;
  "--version "*) echo "Python 3.{minor}" ;;
  "-m venv")
    mkdir -p "$4/bin"
    cp "$0" "$4/bin/python"
    cp "$0" "$4/bin/pip"
    echo "{name}" >"$4/made-by" ;;
  "-m pip") true ;;
esac
"""


class Setup:
    def __init__(self, folder):
        self.folder = folder
        text = (ROOT / "tools/setup").read_text()
        self.write("tools/setup", text.replace("/usr/bin/python3", f"{folder}/system/python3"))

    def write(self, name, text):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)

    def python(self, name, minor):
        self.write(f"{name}/python3", PYTHON.format(name=name, minor=minor))

    def run(self, command, **variables):
        """Exit code and output, with these variables and no others of theirs."""
        environment = {k: v for k, v in os.environ.items()
                       if k not in ("GASM_DEPS", "XDG_CACHE_HOME", "HOME", "GASM_TORCH_ROOT")}
        environment["PATH"] = f"{self.folder}/first:{environment['PATH']}"
        done = subprocess.run(command, cwd=self.folder, env={**environment, **variables},
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              timeout=60, check=False)
        return done.returncode, done.stdout

    def setup(self, **variables):
        return self.run(["bash", "tools/setup", "--no-packages", "--without-tests"], **variables)


def check_places(setup, expect):
    home = str(setup.folder / "home")
    cases = (({"HOME": home}, f"{home}/.cache/gasm"),
             ({"HOME": home, "XDG_CACHE_HOME": "", "GASM_DEPS": ""}, f"{home}/.cache/gasm"),
             ({"HOME": home, "XDG_CACHE_HOME": f"{home}/x", "GASM_DEPS": ""}, f"{home}/x/gasm"),
             ({"HOME": home, "XDG_CACHE_HOME": f"{home}/x", "GASM_DEPS": f"{home}/d"},
              f"{home}/d"),
             ({"GASM_DEPS": f"{home}/d"}, f"{home}/d"))
    script = setup.folder / "show.cmake"
    script.write_text(f"include({ROOT}/cmake/GasmDeps.cmake)\n"
                      "message(STATUS \"deps: '${GASM_DEPS_DIR}'\")\n")
    for variables, wanted in cases:
        code, out = setup.setup(**variables)
        expect(code == 0 and f" in {wanted}/venv-torch" in out, f"setup, {variables}: {out}")
        code, out = setup.run(["cmake", "-P", script], **variables)
        expect(f"deps: '{wanted}'" in out, f"CMake, {variables}: {out}")
    code, out = setup.setup()
    expect(code == 2 and "HOME are not set" in out and "unbound" not in out,
           f"setup without a place: {code} {out}")
    code, out = setup.run(["cmake", "-P", script])
    expect("deps: ''" in out, f"CMake without a place: {out}")


def check_pythons(setup, expect):
    def made_by(system, first):
        for name, minor in (("system", system), ("first", first)):
            setup.python(name, minor)
        deps = setup.folder / "deps"
        code, out = setup.setup(GASM_DEPS=str(deps))
        made = list(deps.glob("venv-torch-*/made-by"))
        return code, out, made[0].read_text().strip() if made else None

    def fresh(*pythons):
        shutil.rmtree(setup.folder / "deps", ignore_errors=True)
        return made_by(*pythons)

    for pythons, wanted in (((11, 10), "system"), ((11, 12), "system"), ((9, 12), "first")):
        code, out, made = fresh(*pythons)
        expect(code == 0 and made == wanted, f"3.x of {pythons}: made by {made}\n{out}")
    # An environment of an old Python, left by an attempt that failed.
    venv = next((setup.folder / "deps").glob("venv-torch-*"))
    (venv / "gasm-torch").unlink()
    (venv / "bin/python").write_text(PYTHON.format(name="old", minor=10))
    code, out, made = made_by(12, 10)
    expect(code == 0 and made == "system", f"old environment: made by {made}\n{out}")
    if any(shutil.which(f"python3.1{minor}") for minor in range(1, 5)):
        return  # of this machine, and setup would take it
    code, out, made = fresh(10, 10)
    expect(code == 2 and made is None and "Python 3.11 or later" in out and "is Python 3.10" in out,
           f"none new enough: {code}, made by {made}\n{out}")


def main():
    problems = []

    def expect(holds, text):
        if not holds:
            problems.append(text)

    with tempfile.TemporaryDirectory(prefix="gasm-setup-") as name:
        setup = Setup(pathlib.Path(name))
        setup.python("system", 11)
        setup.python("first", 11)
        check_places(setup, expect)
        check_pythons(setup, expect)
    finish(problems, "setup")


if __name__ == "__main__":
    main()
